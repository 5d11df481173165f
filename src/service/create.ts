import { userInfo } from 'node:os';
import { resolvePaths } from '../config/paths.ts';
import { systemClock } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import { type Scope, type ServiceDefinition, SYSTEM_ENVIRONMENT, serviceEnvironment } from './definition.ts';
import { unitFile } from './installed.ts';
import { Launchd } from './launchd.ts';
import type { RunProgram, ServiceManager } from './manager.ts';
import { programRunner } from './run-program.ts';
import { stableNode } from './stable-node.ts';
import { Systemd } from './systemd.ts';

export interface ServiceRequest {
  readonly scope: Scope;
  readonly env: NodeJS.ProcessEnv;
  /** The daemon's program. */
  readonly program: string;
  readonly platform?: NodeJS.Platform;
  readonly run?: RunProgram;
}

/**
 * The service manager of this system.
 *
 * @throws {TunneldError} `SERVICE_UNAVAILABLE` on a system without one we know
 */
export function createServiceManager(request: ServiceRequest): ServiceManager {
  const { scope, env, platform = process.platform, run = programRunner(env) } = request;
  const definition = define(request, platform);
  const file = unitFile(scope, env, platform);
  const uid = process.getuid?.() ?? -1;
  switch (platform) {
    case 'linux':
      return new Systemd({ definition, file, run, isRoot: uid === 0, user: userInfo().username });
    case 'darwin': {
      const behindSudo = env['SUDO_USER'];
      return new Launchd({
        definition,
        file,
        run,
        uid,
        clock: systemClock,
        ...(behindSudo === undefined ? {} : { user: behindSudo }),
      });
    }
    default:
      throw new TunneldError('SERVICE_UNAVAILABLE', `tunneld knows no service manager on ${platform}`, {
        remedy: 'Have the service manager of your system run `tunneld daemon run`.',
      });
  }
}

function define({ scope, env, program }: ServiceRequest, platform: NodeJS.Platform): ServiceDefinition {
  const node = stableNode(env['PATH']);
  if (scope === 'system' && platform === 'linux') {
    const paths = resolvePaths(SYSTEM_ENVIRONMENT, platform);
    return { scope, node, program, paths, environment: SYSTEM_ENVIRONMENT };
  }
  // Behind sudo, the paths of the user who asked are meant, and that user runs the daemon.
  const behindSudo = scope === 'system' ? env['SUDO_USER'] : undefined;
  const home = behindSudo === undefined ? {} : { HOME: `/Users/${behindSudo}` };
  const theirs = { ...env, ...home };
  const paths = resolvePaths(theirs, platform);
  return { scope, node, program, paths, environment: { ...home, ...serviceEnvironment(theirs, paths) } };
}
