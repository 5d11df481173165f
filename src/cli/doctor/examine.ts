import { loadConfig } from '../../config/load.ts';
import type { Config, TunnelConfig } from '../../config/schema.ts';
import { upstreamOf } from '../../config/upstream.ts';
import { hostOf } from '../../config/upstream-url.ts';
import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { Redactor } from '../../core/redact.ts';
import { Secret } from '../../core/secret.ts';
import type { TunnelStatus } from '../../core/status.ts';
import { findKind } from '../../providers/kinds.ts';
import type { CliIo } from '../io.ts';
import { type CheckReport, runChecks } from './check.ts';
import { machineChecks } from './machine-checks.ts';
import { rememberedTunnels } from './remembered.ts';
import { type LiveTunnel, type TunnelFacts, tunnelChecks } from './tunnel-checks.ts';

/** One check may take this long (milliseconds). */
const CHECK_MS = 8_000;

/**
 * For glibc: resolv.conf(5). A process does not end while a lookup of its own hangs, and by default
 * that takes 10 s for each name server.
 */
const SHORT_LOOKUPS = 'timeout:2 attempts:1';

/**
 * Looks at everything, causes before consequences. Never a secret in what it finds.
 *
 * @throws {TunneldError} `TUNNEL_NOT_FOUND`
 */
export async function examine(name: string | undefined, io: CliIo): Promise<readonly CheckReport[]> {
  io.env['RES_OPTIONS'] ??= SHORT_LOOKUPS;
  const paths = io.paths();
  const client = await io.daemon();
  const inTime = <T>(answer: Promise<T>) => expected(bounded(answer, io.clock));
  const [config, daemon] = await Promise.all([
    expected(loadConfig(paths.configFile, { optional: !paths.configRequired, env: io.env })),
    inTime(client.info()),
  ]);
  // A daemon of another protocol says who it is, and no more.
  const statuses = daemon instanceof TunneldError ? daemon : await inTime(client.list());
  const remembered = statuses instanceof TunneldError ? await rememberedTunnels(paths.stateFile) : undefined;
  const redactor = new Redactor();
  const ours = new Set<number>();
  const tunnels =
    statuses instanceof TunneldError
      ? without(remembered, config, ours)
      : await running(statuses, { client, clock: io.clock }, redactor, ours);
  if (name !== undefined && !tunnels.some((tunnel) => tunnel.name === name)) {
    // Without the daemon, its memory and the file nobody can tell; the daemon is what is missing then.
    const cannotTell =
      statuses instanceof TunneldError && (remembered === undefined || config instanceof TunneldError);
    if (!cannotTell) throw new TunneldError('TUNNEL_NOT_FOUND', `No tunnel is called "${name}"`);
  }
  if (!(daemon instanceof TunneldError)) {
    for (const url of [daemon.relayUrl, daemon.healthUrl]) ours.add(Number(new URL(url).port));
  }
  const wanted = tunnels.filter((tunnel) => name === undefined || tunnel.name === name);
  const silence = statuses instanceof TunneldError ? { silence: statuses } : {};
  const checks = [
    ...machineChecks({ io, paths, config, daemon, ...silence }),
    ...wanted.flatMap(tunnelChecks),
  ];
  const reports = await runChecks(checks, io.clock, CHECK_MS);
  return reports.map((report) => ({
    ...report,
    detail: redactor.clean(report.detail),
    remedy: redactor.clean(report.remedy),
  }));
}

function bounded<T>(answer: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const silent = () =>
      reject(new TunneldError('DAEMON_SILENT', `The daemon did not answer within ${CHECK_MS / 1_000} s`));
    const timer = clock.setTimer(silent, CHECK_MS);
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}

async function expected<T>(work: Promise<T>): Promise<T | TunneldError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TunneldError) return error;
    throw error;
  }
}

/** Without a daemon: the tunnels of the file, and those it would bring back. */
function without(
  remembered: ReadonlyMap<string, TunnelConfig> | undefined,
  config: Config | TunneldError,
  ours: ReadonlySet<number>,
): readonly TunnelFacts[] {
  const ofFile = config instanceof TunneldError ? {} : config.tunnels;
  const tunnels = new Map([...(remembered ?? []), ...Object.entries(ofFile)]);
  return [...tunnels]
    .filter(([, { enabled }]) => enabled)
    .map(([name, tunnel]) => ({ name, ...serverOf(tunnel), ours }));
}

function serverOf(tunnel: TunnelConfig): { readonly upstream: URL; readonly hosts: readonly string[] } {
  const { url, host, otherHost } = upstreamOf(tunnel);
  return { upstream: new URL(url), hosts: otherHost === undefined ? [host] : [host, otherHost] };
}

async function running(
  statuses: readonly TunnelStatus[],
  asked: Asked,
  redactor: Redactor,
  ours: Set<number>,
): Promise<readonly TunnelFacts[]> {
  return await Promise.all(
    statuses.map(async (status) => {
      const live = await liveTunnel(status, asked);
      if (live.token !== undefined) redactor.add(live.token);
      if (live.probeKey !== undefined) redactor.add(live.probeKey);
      if (live.gatewayUrl !== undefined) ours.add(Number(live.gatewayUrl.port));
      return { name: status.name, upstream: new URL(status.upstream), hosts: live.hosts, live, ours };
    }),
  );
}

type Asked = Pick<LiveTunnel, 'client' | 'clock'>;

async function liveTunnel(status: TunnelStatus, asked: Asked): Promise<LiveTunnel> {
  const { client } = asked;
  const { gatewayUrl, config } = await client.inspect(status.name);
  const { url, [status.provider]: own } = config as Readonly<Record<string, unknown>>;
  const kind = findKind(status.provider);
  const host = hostOf(new URL(status.upstream));
  const shown = status.insecurePublic ? undefined : await expected(client.showToken(status.name));
  const secrets = shown === undefined || shown instanceof TunneldError ? undefined : shown;
  const token = secrets === undefined ? {} : { token: new Secret(secrets.token) };
  const probeKey = secrets?.probeKey === undefined ? {} : { probeKey: new Secret(secrets.probeKey) };
  const address = (own as Readonly<Record<string, string>> | undefined)?.[kind?.addressKey ?? ''];
  const edgeUrl = address === undefined ? {} : { edgeUrl: new URL(address) };
  const needsNetwork = kind?.needsNetwork(own) !== false;
  const gateway = gatewayUrl === '' ? {} : { gatewayUrl: new URL(gatewayUrl) };
  const hosts = url === undefined ? [host, '::1'] : [host];
  return { status, hosts, needsNetwork, ...asked, ...gateway, ...edgeUrl, ...token, ...probeKey };
}
