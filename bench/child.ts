import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** A program under measurement, in a process of its own so that its CPU and memory can be told apart. */
export interface Child {
  readonly pid: number;
  /** The port it listens on, when it has one. */
  readonly port: number;
  stop(): Promise<void>;
}

/** Where it is installed, it has the kernel end a program with the one that started it. */
const hasSetpriv = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
const START_TIMEOUT_MS = 15_000;

/** Starts a program that does not outlive us, however we end. */
export function spawnBound(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  if (!hasSetpriv) return spawn(command, args, options);
  return spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], options);
}

/** Starts `bench/programs/<name>.ts`; it says `{"port": N}` on its first line when it is ready. */
export async function startProgram(name: string, env: Record<string, string> = {}): Promise<Child> {
  const file = fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url));
  const child = spawnBound(process.execPath, ['--import', 'tsx', file], {
    env: { ...process.env, ...env, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error(`bench program ${name} has no standard output`);
  const line = await firstLine(child, child.stdout, name);
  const { port } = JSON.parse(line) as { port: number };
  return { pid: pidOf(child), port, stop: () => stopChild(child) };
}

export function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error(`${child.spawnfile} did not start`);
  return child.pid;
}

export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await exited;
  clearTimeout(late);
}

/** CPU time a process has used (nanoseconds): finer than the 10 ms ticks of /proc/PID/stat. */
export async function cpuNs(pids: readonly number[]): Promise<number> {
  let total = 0;
  for (const pid of pids) {
    for (const task of await readdir(`/proc/${pid}/task`)) {
      const text = await readFile(`/proc/${pid}/task/${task}/schedstat`, 'utf8').catch(() => '0');
      total += Number(text.split(' ')[0]);
    }
  }
  return total;
}

/** Resident memory of a process (bytes). */
export async function rssBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

async function firstLine(child: ChildProcess, output: Readable, name: string): Promise<string> {
  const lines = createInterface({ input: output });
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  const line = once(lines, 'line', { signal });
  const exit = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`bench program ${name} ended with ${String(code)} before it was ready`);
  });
  // Whichever loses the race is of no interest, and must not count as unhandled.
  exit.catch(() => {});
  line.catch(() => {});
  const [text] = await Promise.race([line, exit]);
  return String(text);
}
