import { join } from 'node:path';
import { LABEL, type ServiceDefinition } from './definition.ts';

/** launchd waits this long between two starts; less than 10 s is what it uses by itself. */
const THROTTLE_SECONDS = 10;

/** Stopping drains first. Later than this, launchd ends the process. */
const EXIT_SECONDS = 45;

/**
 * The property list of the agent (or, for the system, of the daemon).
 *
 * @param user who runs the system's daemon; without one, root does
 */
export async function launchdPlist(definition: ServiceDefinition, user?: string): Promise<string> {
  // Loaded when used: only macOS needs it.
  const { build } = await import('plist');
  const { scope, node, program, paths, environment } = definition;
  const output = join(paths.logDir, 'daemon.stderr');
  return `${build({
    Label: LABEL,
    ProgramArguments: [node, program],
    ...(scope === 'system' && user !== undefined ? { UserName: user } : {}),
    EnvironmentVariables: { ...environment },
    RunAtLoad: true,
    // Started again when it failed; a daemon that was asked to stop stays stopped.
    KeepAlive: { SuccessfulExit: false },
    ThrottleInterval: THROTTLE_SECONDS,
    ExitTimeOut: EXIT_SECONDS,
    ProcessType: 'Background',
    Umask: 0o077,
    StandardOutPath: output,
    StandardErrorPath: output,
  })}\n`;
}
