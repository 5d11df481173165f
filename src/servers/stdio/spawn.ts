import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { signalGroup } from './process-group.ts';

/** A program to be started, and everything it is given. */
export interface ProgramSpec {
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly [string, ...string[]];
  /** All variables it gets. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** A program that runs, wherever that is. */
export interface Started {
  /** Leader of its process group; undefined where it could not be started. */
  readonly pid: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** How it ended; never rejects. */
  readonly ended: Promise<Ended>;
  /** To the program and all that it started; nothing where they are gone. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export type Ended =
  | { readonly kind: 'exit'; readonly code: number | null; readonly signal: string | null }
  /** `code`: of the system, such as ENOENT. */
  | { readonly kind: 'not-started'; readonly code: string };

/** How a program is started: on this machine, or elsewhere with the same three streams. */
export type Spawn = (spec: ProgramSpec) => Started;

/** Starts it on this machine, as the leader of a process group of its own. */
export const spawnHere: Spawn = ({ command: [program, ...args], env, cwd }) => {
  const child = execa(program, args, {
    cwd,
    env,
    extendEnv: false,
    // Its own group: what it starts is found again, and Ctrl-C in a terminal is not meant for it.
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
    stripFinalNewline: false,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  // Waits for streams as well, which a grandchild may keep open; the event does not.
  child.catch(() => undefined);
  const ended = new Promise<Ended>((resolve) => {
    child.once('exit', (code, signal) => resolve({ kind: 'exit', code, signal }));
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve({ kind: 'not-started', code: codeOf(error) });
    });
  });
  return {
    pid: child.pid,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    signal: (signal) => signalGroup(child.pid, signal),
  };
};

function codeOf(error: NodeJS.ErrnoException): string {
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  return error.code ?? cause?.code ?? 'unknown';
}
