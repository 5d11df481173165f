import childProcess, { ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { RUN_MARKER } from './marker.ts';

/**
 * Puts the run's marker into the environment of what a test starts, whatever environment the test
 * chose for it. What that starts in its turn inherits the marker.
 */
const run = process.env[RUN_MARKER];

interface Spawner {
  spawn(this: ChildProcess, options: { envPairs?: string[] }): unknown;
}
const spawner = ChildProcess.prototype as unknown as Spawner & { marked?: true };

if (run !== undefined && spawner.marked === undefined) {
  spawner.marked = true;
  // The one way through which spawn, exec, execFile and fork start a process.
  const { spawn } = spawner;
  spawner.spawn = function (options) {
    // A process that is given no environment at all is to have none.
    if (options.envPairs?.length === 0) return spawn.call(this, options);
    const others = (options.envPairs ?? []).filter((pair) => !pair.startsWith(`${RUN_MARKER}=`));
    return spawn.call(this, { ...options, envPairs: [...others, `${RUN_MARKER}=${run}`] });
  };
  for (const name of ['spawnSync', 'execFileSync'] as const) {
    const original = childProcess[name] as (...given: unknown[]) => unknown;
    Object.assign(childProcess, { [name]: (...given: unknown[]) => original(...marked(given)) });
  }
  syncBuiltinESMExports();
}

/** `(file)`, `(file, options)`, `(file, args)` or `(file, args, options)`, with the marker. */
function marked(given: readonly unknown[]): unknown[] {
  const [file, ...rest] = given;
  const args = Array.isArray(rest[0]) ? rest[0] : [];
  const options = (Array.isArray(rest[0]) ? rest[1] : rest[0]) as { env?: NodeJS.ProcessEnv } | undefined;
  return [file, args, { ...options, env: { ...(options?.env ?? process.env), [RUN_MARKER]: run } }];
}
