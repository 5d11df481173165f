import { type Environment, type Paths, pathVariables } from '../config/paths.ts';

/** Its name for systemd. */
export const UNIT = 'tunneld.service';

/** Its name for launchd. */
export const LABEL = 'tunneld.daemon';

/** `user`: runs while its user is there. `system`: runs from boot on, apart from every user. */
export type Scope = 'user' | 'system';

/** What a service manager is to run. Holds no secret: units can be read by other users. */
export interface ServiceDefinition {
  readonly scope: Scope;
  /** The Node that runs this command also runs the daemon. */
  readonly node: string;
  /** `dist/daemon/main.js` */
  readonly program: string;
  readonly paths: Paths;
  /** Read by the daemon; the paths among it. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Where the system's own daemon keeps its things. `XDG_CONFIG_HOME` instead of `TUNNELD_CONFIG`:
 * a file that is named has to exist, and one that is not may come later.
 */
export const SYSTEM_ENVIRONMENT = {
  XDG_CONFIG_HOME: '/etc',
  TUNNELD_STATE_DIR: '/var/lib/tunneld',
  TUNNELD_RUNTIME_DIR: '/run/tunneld',
  TUNNELD_LOG_DIR: '/var/log/tunneld',
} as const;

/** Settings that the daemon of a service takes over from the shell it was installed from. */
const CARRIED_OVER = [
  'XDG_CONFIG_HOME',
  'TUNNELD_LOG_LEVEL',
  'TUNNELD_HEALTH_PORT',
  'TUNNELD_DAEMON_RELAY_PORT',
  // The path of a file; a relay with a certificate of one's own needs it.
  'NODE_EXTRA_CA_CERTS',
];

/** The variables that make the service's daemon and this shell's commands meet. */
export function serviceEnvironment(env: Environment, paths: Paths): Record<string, string> {
  const carried = CARRIED_OVER.flatMap((name) => {
    const value = env[name];
    return value === undefined || value === '' ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(carried), ...pathVariables(paths) };
}
