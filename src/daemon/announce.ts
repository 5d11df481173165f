import { closeSync, writeSync } from 'node:fs';
import { TunneldError } from '../core/errors.ts';

/**
 * Tells whoever started the daemon that it serves its socket: one JSON line on an inherited file
 * descriptor, or a short line for people in the foreground.
 */
export function announceReady(fd: number | undefined, daemon: { version: string; socket: string }): void {
  const { version, socket } = daemon;
  if (fd === undefined) {
    process.stdout.write(`tunneld ${version} is running (pid ${process.pid}, ${socket}). Ctrl-C stops it.\n`);
    return;
  }
  say(fd, { ready: true, pid: process.pid, socket });
}

/** Says why the daemon did not start: expected failures in words, bugs with their stack. */
export function announceFailure(fd: number | undefined, error: unknown): void {
  if (!(error instanceof TunneldError)) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    if (fd !== undefined) closeSync(fd);
    return;
  }
  const { code, message, remedy } = error;
  if (fd === undefined) process.stderr.write(`error: ${message} (${code})\n${remedy}\n`);
  else say(fd, { error: { code, message, remedy } });
}

function say(fd: number, line: unknown): void {
  try {
    writeSync(fd, `${JSON.stringify(line)}\n`);
    closeSync(fd);
  } catch {
    // Whoever started us did not wait. That is no reason not to run.
  }
}
