import { execFile } from 'node:child_process';
import type { ProgramResult, RunProgram } from './manager.ts';

/** A unit that stops may take its whole stop time-out (milliseconds). */
const TIMEOUT_MS = 120_000;

/** The real `RunProgram`. Never a shell: nothing in an argument has a meaning of its own. */
export function programRunner(env: NodeJS.ProcessEnv): RunProgram {
  return (program, args) =>
    new Promise<ProgramResult>((resolve, reject) => {
      execFile(
        program,
        [...args],
        { env, timeout: TIMEOUT_MS, encoding: 'utf8' },
        (error, stdout, stderr) => {
          if (error === null) resolve({ code: 0, stdout, stderr });
          else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
          else reject(error);
        },
      );
    });
}
