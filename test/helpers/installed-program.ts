import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { waitFor } from './wait-for.ts';

/** Where a program of the distribution is; servers are often in a folder that users have not in PATH. */
function installed(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file));
}

/** Whether the absence of programs is a failure: `TUNNELD_REQUIRE_PROGRAMS=1`. Else their tests are skipped. */
export const PROGRAMS_REQUIRED = process.env['TUNNELD_REQUIRE_PROGRAMS'] === '1';

/** Tests that need programs of the distribution (scripts/install-test-programs.sh). */
export function describeWithPrograms(name: string, programs: readonly string[], body: () => void): void {
  describeUnlessMissing(
    name,
    programs.filter((program) => installed(program) === undefined),
    body,
  );
}

/** Tests that cannot run where anything is missing: skipped there, visibly, or failing where it is required. */
export function describeUnlessMissing(name: string, missing: readonly string[], body: () => void): void {
  const what = missing.join(' and ');
  if (what !== '' && PROGRAMS_REQUIRED) {
    it(`${name}: needs ${what}`, () => expect.fail(`no ${what} on this machine`));
    return;
  }
  describe.skipIf(what !== '')(what === '' ? name : `${name} (no ${what} on this machine)`, body);
}

export interface RunningProgram {
  output(): string;
  stop(): Promise<void>;
}

/** Runs a program of the distribution until `ready` holds. It ends with this process, however that ends. */
export async function runInstalled(
  program: string,
  args: readonly string[],
  ready: (output: string) => boolean | Promise<boolean>,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningProgram> {
  const file = installed(program) ?? program;
  const options = {
    stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  };
  const setpriv = installed('setpriv');
  const child =
    setpriv === undefined
      ? spawn(file, args, options)
      : spawn(setpriv, ['--pdeathsig', 'KILL', '--', file, ...args], options);
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      written += text;
    });
  }
  const stop = () => end(child);
  try {
    await waitFor(
      async () => {
        return child.exitCode !== null || (await ready(written));
      },
      { timeoutMs: 20_000, what: `the start of ${program}` },
    );
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
  } catch (cause) {
    await stop();
    throw new Error(`${program} did not start: ${written}`, { cause });
  }
  return { output: () => written, stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), 2_000);
  await exited;
  clearTimeout(killer);
}
