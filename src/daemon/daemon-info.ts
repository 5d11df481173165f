import type { Paths } from '../config/paths.ts';
import type { StateStore } from '../config/state.ts';
import { type DaemonInfo, PROTOCOL_VERSION } from '../control/api.ts';
import type { ReportedError, TunnelStatus } from '../core/status.ts';
import { VERSION } from '../core/version.ts';

interface DaemonFacts {
  readonly paths: Paths;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly healthUrl: URL;
  readonly relayUrl: URL;
  readonly notes: readonly string[];
  readonly alerts: readonly string[];
  readonly configError: ReportedError | undefined;
  readonly tunnels: readonly TunnelStatus[];
  readonly stopping: boolean;
}

/** What the daemon says of itself. */
export function infoOf(facts: DaemonFacts): DaemonInfo {
  const { paths, startedAt, healthUrl, relayUrl, notes, alerts, configError, tunnels, stopping } = facts;
  return {
    pid: process.pid,
    version: VERSION,
    protocol: PROTOCOL_VERSION,
    startedAt: new Date(startedAt).toISOString(),
    node: process.version,
    socket: paths.socket,
    stateDir: paths.stateDir,
    logDir: paths.logDir,
    configFile: paths.configFile,
    ...(configError === undefined ? {} : { configError }),
    healthUrl: healthUrl.origin,
    relayUrl: relayUrl.origin,
    notes,
    ...(alerts.length === 0 ? {} : { alerts }),
    tunnels: {
      total: tunnels.length,
      healthy: tunnels.filter(({ health }) => health.verdict === 'healthy').length,
    },
    ...(stopping ? { stopping: true } : {}),
  };
}

/** What the user has to know at every command. One sentence each. */
export function alertsOf(store: StateStore, configError: ReportedError | undefined): readonly string[] {
  const { alerts, unwritten } = store;
  return [
    ...alerts,
    ...(unwritten === undefined
      ? []
      : [`${unwritten.message}. Changes count, but are lost if the daemon ends before they can be written`]),
    ...(configError === undefined ? [] : [`The config file is not applied: ${configError.message}`]),
  ];
}
