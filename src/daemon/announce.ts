import { closeSync, writeSync } from 'node:fs';
import { TunneldError } from '../core/errors.ts';

/**
 * Tells the parent process that the daemon serves its socket: one JSON line on an inherited file
 * descriptor, or a short line for people in the foreground.
 */
export function announceReady(fd: number | undefined, daemon: { version: string; socket: string }): void {
  const { version, socket } = daemon;
  if (fd === undefined) {
    process.stdout.write(`tunneld ${version} is running (pid ${process.pid}, ${socket}). Ctrl-C stops it.\n`);
    return;
  }
  say(fd, { ready: true, version, pid: process.pid, socket });
  close(fd);
}

/** Tells the parent process what the daemon is busy with, so that a slow start is not taken for a hanging one. */
export function announceStep(fd: number | undefined, doing: string): void {
  if (fd !== undefined) say(fd, { doing });
}

/** Says why the daemon did not start: expected failures in words, bugs with their stack. */
export function announceFailure(fd: number | undefined, error: unknown): void {
  if (!(error instanceof TunneldError)) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    if (fd !== undefined) close(fd);
    return;
  }
  const { code, message, remedy } = error;
  if (fd === undefined) {
    process.stderr.write(`tunneld: ${code}: ${message}\n  fix     ${remedy}\n`);
    return;
  }
  say(fd, { error: { code, message, remedy } });
  close(fd);
}

function say(fd: number, line: unknown): void {
  try {
    writeSync(fd, `${JSON.stringify(line)}\n`);
  } catch {
    // The parent did not wait. That is no reason not to run.
  }
}

function close(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // It was never open.
  }
}
