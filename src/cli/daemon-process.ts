import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { devNull } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Paths, pathVariables } from '../config/paths.ts';
import { isStorageShort, reasonOf } from '../config/private-files.ts';
import type { Clock } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import { type Announcement, onAnnouncement } from './daemon-announcement.ts';

/**
 * A daemon starts in well under a second. A slow or busy machine gets this long for each step of it
 * (milliseconds), as long as the process lives: one that hangs says no further step.
 */
const STEP_TIMEOUT_MS = 60_000;
/** What the daemon prints outside its log. Kept between starts until it is this large (bytes). */
const STDERR_FILE = 'daemon.stderr';
const STDERR_MAX_BYTES = 262_144;
const QUOTED_LINES = 10;

/**
 * Starts the daemon detached from this terminal, and resolves once it serves its socket.
 *
 * The daemon says what it is doing, and then that it serves, or why not, as JSON lines on file
 * descriptor 3.
 *
 * @param onStep told what it is doing
 * @returns its pid
 * @throws {TunneldError} what the daemon reported (`DAEMON_ALREADY_RUNNING`, `PORT_IN_USE`,
 *   `CONFIG_INVALID`, …), `DAEMON_START_FAILED` with its last words, `STATE_UNWRITABLE`
 */
export async function startDaemon(
  program: string,
  paths: Paths,
  env: NodeJS.ProcessEnv,
  clock: Clock,
  onStep: (doing: string) => void = () => {},
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
  const outcome = await firstOutcome(child, ready, clock, onStep);
  ready.destroy();
  child.unref();
  // Without a pid there was no process, and so no outcome like this.
  if (outcome.kind === 'ready') return child.pid as number;
  if (outcome.kind === 'unusable') child.kill('SIGKILL');
  if (outcome.kind === 'error') throw outcome.error;
  const { text } = outcome;
  throw new TunneldError('DAEMON_START_FAILED', text, {
    cause: (await stderr.lastLines()) || 'It printed nothing.',
  });
}

type Settled = Exclude<Announcement, { kind: 'step' }> | { readonly kind: 'died'; readonly text: string };

function firstOutcome(
  child: ChildProcess,
  ready: Readable,
  clock: Clock,
  onStep: (doing: string) => void,
): Promise<Settled> {
  return new Promise((resolve) => {
    let doing = 'loading its program';
    const settle = (outcome: Settled) => {
      timer.cancel();
      resolve(outcome);
    };
    const givenUp = () => {
      const seconds = STEP_TIMEOUT_MS / 1_000;
      settle({
        kind: 'unusable',
        text: `The daemon did not get on within ${seconds} s and was ended; it was ${doing}`,
      });
    };
    let timer = clock.setTimer(givenUp, STEP_TIMEOUT_MS);
    onAnnouncement(ready, (announcement) => {
      if (announcement.kind !== 'step') {
        settle(announcement);
        return;
      }
      doing = announcement.doing;
      timer.cancel();
      timer = clock.setTimer(givenUp, STEP_TIMEOUT_MS);
      onStep(doing);
    });
    child.on('error', (error) =>
      settle({ kind: 'died', text: `The daemon could not be started: ${error.message}` }),
    );
    child.on('close', (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      settle({ kind: 'died', text: `The daemon ended ${how} before it was ready` });
    });
  });
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
    // What it prints is lost then; what it says on its own descriptor is not.
    if (isStorageShort(cause)) return await nowhere();
    throw new TunneldError('STATE_UNWRITABLE', `${path} cannot be written: ${reasonOf(cause)}`, {
      cause,
      remedy:
        'Make it writable by you, free disk space, or choose another folder for logs with TUNNELD_LOG_DIR.',
    });
  }
}

async function nowhere() {
  const file = await open(devNull, 'w');
  return { fd: file.fd, lastLines: async () => '', [Symbol.asyncDispose]: () => file.close() };
}
