import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitFor } from './wait-for.ts';

export interface ProgramOptions {
  /** Name of the file in `test/helpers/programs/`. */
  readonly program: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A child process that says on which port it listens. */
export interface Program extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Everything written so far, standard output and error together. */
  output(): string;
  /** Ends it: politely, then after two seconds for certain. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 2_000;

/** Starts a TypeScript program as a child process and waits for its `{"listening":PORT}`. */
export async function startProgram({ program, args = [], env = {} }: ProgramOptions): Promise<Program> {
  const file = fileURLToPath(new URL(`./programs/${program}`, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      written += text;
    });
  }
  try {
    const port = await waitFor(
      () => {
        if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}: ${written}`);
        return /\{"listening":(\d+)\}/.exec(written)?.[1];
      },
      { timeoutMs: START_TIMEOUT_MS, what: `the start of ${program}` },
    );
    const stop = () => end(child);
    return {
      port: Number(port),
      pid: child.pid ?? 0,
      output: () => written,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (cause) {
    await end(child);
    throw cause;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(killer);
}
