import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment, Paths } from '../config/paths.ts';
import { LABEL, type Scope, SYSTEM_ENVIRONMENT, UNIT } from './definition.ts';

/** Where the unit of this scope is kept. Loaded by `up`: Node's own modules and constants only. */
export function unitFile(scope: Scope, env: Environment, platform: NodeJS.Platform): string {
  const home = () => env['HOME'] || homedir();
  if (platform === 'darwin') {
    const library = scope === 'system' ? '/Library/LaunchDaemons' : join(home(), 'Library', 'LaunchAgents');
    return join(library, `${LABEL}.plist`);
  }
  if (scope === 'system') return join('/etc/systemd/system', UNIT);
  return join(env['XDG_CONFIG_HOME'] || join(home(), '.config'), 'systemd', 'user', UNIT);
}

/**
 * The scope of the installed unit that runs the daemon of these paths, if there is one.
 *
 * A daemon of other folders (a test's, a second one) has nothing to do with the service.
 */
export function installedScope(
  paths: Paths,
  env: Environment,
  platform: NodeJS.Platform = process.platform,
): Scope | undefined {
  return (['user', 'system'] as const).find((scope) => {
    const text = unitText(scope, env, platform);
    return text?.includes(paths.stateDir) === true && text.includes(paths.runtimeDir);
  });
}

/** For root, the daemon of the system is the one meant, once its unit is installed. */
export function withSystemService(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
  uid: number | undefined = process.getuid?.(),
): NodeJS.ProcessEnv {
  const chosen = ['TUNNELD_STATE_DIR', 'TUNNELD_RUNTIME_DIR'].some((name) => (env[name] ?? '') !== '');
  if (platform !== 'linux' || uid !== 0 || chosen) return env;
  if (unitText('system', env, platform) === undefined) return env;
  return { ...env, ...SYSTEM_ENVIRONMENT };
}

/** Undefined when there is none; a user without a home folder has none either. */
function unitText(...where: Parameters<typeof unitFile>): string | undefined {
  try {
    return readFileSync(unitFile(...where), 'utf8');
  } catch {
    return undefined;
  }
}
