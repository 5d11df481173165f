import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Paths, pathVariables } from '../config/paths.ts';
import type { Clock } from '../core/clock.ts';
import { ERROR_CATALOGUE, type ErrorCode, TunneldError } from '../core/errors.ts';

/** A daemon with many tunnels in its state starts in well under a second; a slow disk gets more. */
const START_TIMEOUT_MS = 15_000;
/** What the daemon prints outside its log. Kept between starts until it is this large (bytes). */
const STDERR_FILE = 'daemon.stderr';
const STDERR_MAX_BYTES = 262_144;
const QUOTED_LINES = 10;

/**
 * Starts the daemon detached from this terminal, and resolves once it serves its socket.
 *
 * The daemon says so, or why not, as one JSON line on file descriptor 3.
 *
 * @returns its pid
 * @throws {TunneldError} what the daemon reported (`DAEMON_ALREADY_RUNNING`, `PORT_IN_USE`,
 *   `CONFIG_INVALID`, …), `DAEMON_START_FAILED` with its last words, `STATE_UNWRITABLE`
 */
export async function startDaemon(
  program: string,
  paths: Paths,
  env: NodeJS.ProcessEnv,
  clock: Clock,
): Promise<number> {
  await using stderr = await openStderr(paths.logDir);
  const child = spawn(process.execPath, [program, '--ready-fd', '3'], {
    // Staying in the caller's folder would keep it from being unmounted or removed.
    cwd: '/',
    detached: true,
    env: { ...env, ...pathVariables(paths) },
    stdio: ['ignore', stderr.fd, stderr.fd, 'pipe'],
  });
  const ready = child.stdio[3] as Readable;
  const outcome = await firstOutcome(child, ready, clock);
  ready.destroy();
  child.unref();
  // Without a pid there was no process, and so no outcome like this.
  if (outcome.kind === 'ready') return child.pid as number;
  if (outcome.kind === 'unusable') child.kill('SIGKILL');
  if (outcome.kind === 'error') throw outcome.error;
  throw new TunneldError('DAEMON_START_FAILED', outcome.text, {
    cause: (await stderr.lastLines()) || 'It printed nothing.',
  });
}

type Outcome =
  | { readonly kind: 'ready' }
  | { readonly kind: 'error'; readonly error: TunneldError }
  | { readonly kind: 'died' | 'unusable'; readonly text: string };

function firstOutcome(child: ChildProcess, ready: Readable, clock: Clock): Promise<Outcome> {
  return new Promise((resolve) => {
    let text = '';
    const settle = (outcome: Outcome) => {
      timer.cancel();
      resolve(outcome);
    };
    const timer = clock.setTimer(() => {
      const seconds = START_TIMEOUT_MS / 1_000;
      settle({ kind: 'unusable', text: `The daemon was not ready after ${seconds} s and was ended` });
    }, START_TIMEOUT_MS);
    ready.setEncoding('utf8');
    ready.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) settle(readOutcome(text.slice(0, text.indexOf('\n'))));
    });
    // A line without its end, from a daemon that died: still better than nothing.
    ready.on('end', () => text !== '' && settle(readOutcome(text)));
    child.on('error', (error) =>
      settle({ kind: 'died', text: `The daemon could not be started: ${error.message}` }),
    );
    child.on('close', (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      settle({ kind: 'died', text: `The daemon ended ${how} before it was ready` });
    });
  });
}

function readOutcome(line: string): Outcome {
  let said: { ready?: unknown; error?: { code?: unknown; message?: unknown; remedy?: unknown } };
  try {
    said = JSON.parse(line);
  } catch {
    return { kind: 'unusable', text: `The daemon said something unexpected: ${line.slice(0, 200)}` };
  }
  if (said.error === undefined) return { kind: 'ready' };
  const { code, message, remedy } = said.error;
  const known = typeof code === 'string' && Object.hasOwn(ERROR_CATALOGUE, code);
  return {
    kind: 'error',
    error: new TunneldError(
      known ? (code as ErrorCode) : 'DAEMON_START_FAILED',
      String(message ?? 'The daemon gave no reason'),
      typeof remedy === 'string' ? { remedy } : {},
    ),
  };
}

async function openStderr(logDir: string) {
  const path = join(logDir, STDERR_FILE);
  try {
    await mkdir(logDir, { recursive: true, mode: 0o700 });
    const { O_RDWR, O_CREAT, O_APPEND } = constants;
    const file = await open(path, O_RDWR | O_CREAT | O_APPEND, 0o600);
    if ((await file.stat()).size > STDERR_MAX_BYTES) await file.truncate();
    const from = (await file.stat()).size;
    return {
      fd: file.fd,
      /** What was printed since this start, its end. */
      async lastLines(): Promise<string> {
        const { size } = await file.stat();
        const bytes = Buffer.alloc(Math.max(0, Math.min(size - from, 8_192)));
        await file.read(bytes, 0, bytes.length, size - bytes.length);
        return bytes.toString('utf8').trimEnd().split('\n').slice(-QUOTED_LINES).join('\n');
      },
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (cause) {
    throw new TunneldError('STATE_UNWRITABLE', `${path} cannot be written`, { cause });
  }
}
