import type { ProgramResult, RunProgram } from './manager.ts';

/** A unit that stops may take its whole stop time-out (milliseconds). */
const TIMEOUT_MS = 120_000;

/**
 * The real `RunProgram`. Never a shell: nothing in an argument has a meaning of its own.
 *
 * execa loads when a program is first run, so that no other verb pays for it.
 */
export function programRunner(env: NodeJS.ProcessEnv): RunProgram {
  return async (program, args): Promise<ProgramResult> => {
    const { execa } = await import('execa');
    const result = await execa(program, args, {
      env,
      extendEnv: false,
      timeout: TIMEOUT_MS,
      reject: false,
      stripFinalNewline: false,
    });
    // Not started, killed or out of time: there is no exit code to judge by.
    if (result.exitCode === undefined) throw result;
    return { code: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  };
}
