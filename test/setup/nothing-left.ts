import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ProcessInfo, processes } from '../helpers/processes.ts';
import { RUN_MARKER } from './marker.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What was told to end may take a moment, on a busy machine too (milliseconds). */
const PATIENCE_MS = 15_000;
const LOOK_MS = 100;

/**
 * Fails the run when a process that a test started is still there at its end, and ends it.
 *
 * Linux only: elsewhere nobody may read another process's environment.
 */
export function setup(): (() => Promise<void>) | undefined {
  if (!existsSync('/proc/self/environ')) return undefined;
  const mark = `${process.pid}-${randomBytes(6).toString('hex')}`;
  process.env[RUN_MARKER] = mark;
  return async () => {
    const left = await stillThere(mark);
    if (left.length === 0) return;
    for (const { pid } of left) end(pid);
    const list = left.map(({ pid, arguments: words }) => `  ${pid} ${words}`).join('\n');
    // Vitest prints what is thrown here and goes on to say that all is well.
    process.exitCode = 1;
    throw new Error(`The tests left ${left.length} process(es) behind (ended now):\n${list}`);
  };
}

async function stillThere(mark: string): Promise<readonly ProcessInfo[]> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const left = (await processes()).filter((found) => isOurs(found, mark));
    if (left.length === 0 || performance.now() >= deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function isOurs({ parent, arguments: words, environment }: ProcessInfo, mark: string): boolean {
  // The workers of vitest itself, which it ends after this.
  if (parent === process.pid) return false;
  if (environment.split('\n').includes(`${RUN_MARKER}=${mark}`)) return true;
  // The agents of ngrok get no environment at all; one without its daemon was left.
  return parent === 1 && environment === '' && words.includes(`${ROOT}dist/`);
}

/** It may be gone by now. */
function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
