import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { mcpTunnelEdge } from '../mcp-tunnel/edge/dialect.ts';
import { RelayServer, type ServedTunnel } from '../relay/edge/relay-server.ts';
import { AccessLog } from './access-log.ts';
import { type AdminEndpoint, startAdminEndpoint } from './admin-endpoint.ts';
import { Dismissals } from './dismissals.ts';
import { LiveAuth } from './live-auth.ts';
import { Problems } from './problems.ts';
import { awaitingRestart } from './reload.ts';
import { Renewal } from './renewal.ts';
import type { RelaySettings } from './settings/relay-settings.ts';
import { createTlsSide } from './tls-side.ts';
import { TunnelCounts } from './tunnel-counts.ts';
import { VisitCounts } from './visit-counts.ts';

/** After a restart the agents come back; until then a visitor should not hear 404, which would end its session. */
const RETURNS_MS = 60_000;

export interface RunningRelay {
  readonly port: number;
  readonly adminUrl: URL | undefined;
  readonly problems: Problems;
  /** How long `stop` may take for exchanges in flight (milliseconds). */
  readonly drainMs: number;
  /**
   * Applies what can be applied without losing a link, and returns the names of the settings that
   * count only after a restart.
   *
   * @throws {TunneldError} when certificate or tokens cannot be used; nothing has changed then
   */
  reload(next: RelaySettings): readonly string[];
  /** Sends the agents away, lets exchanges in flight finish, then releases everything. */
  stop(): Promise<void>;
}

/**
 * Puts a relay together that others may use, and starts it.
 *
 * @throws {TunneldError} `PORT_IN_USE`, `USAGE` (a certificate that cannot be used)
 */
export async function startRelay(settings: RelaySettings, clock: Clock, log: Logger): Promise<RunningRelay> {
  const { host, port, routing, publicUrl, trustedProxies, limits, adminPort, adminSocket } = settings;
  let running = settings;
  const visits = new VisitCounts();
  const problems = new Problems(log);
  const tunnels = new TunnelCounts(clock);
  const dismissals = new Dismissals(clock);
  const renewal = new Renewal(clock);
  const accessLog = new AccessLog(settings.logSample ?? 1, log, Math.random, (text) =>
    server.knowsToken(text),
  );
  const auth = new LiveAuth({
    auth: settings.auth,
    routing,
    clock,
    log,
    problems,
    onRevised: (mayStay) => endAll(server, (tunnel) => !mayStay(tunnel), log),
    onReplaced: () => renewal.start(server),
  });
  const tlsSide = createTlsSide(settings, problems, clock, log);
  const server = new RelayServer({
    host,
    port,
    routing: { kind: routing },
    publicUrl,
    authorize: dismissals.over(renewal.over(auth.authorize)),
    onRegistered: (name) => tunnels.registered(name),
    enforceAccess: true,
    dialects: [mcpTunnelEdge(settings.mcpTunnelAgents)],
    trustedProxies,
    proxyProtocol: settings.proxyProtocol,
    limits,
    returnsMs: settings.returnsMs ?? RETURNS_MS,
    clock,
    log,
    onRefused: (refused) => visits.noteRefused(refused),
    onVisit: (visit) => {
      visits.note(visit);
      tunnels.note(visit);
      accessLog.note(visit);
    },
    ...tlsSide.listener,
  });
  let bound: { port: number };
  let admin: AdminEndpoint | undefined;
  try {
    bound = await server.listen();
    const places = { port: adminPort, socket: adminSocket };
    admin = await startAdminEndpoint(places, { server, visits, tunnels, problems, dismissals }, clock, log);
    await tlsSide.start(server);
  } catch (error) {
    auth.close();
    await admin?.close();
    await tlsSide.stop();
    await server.close();
    throw error;
  }
  log.info(
    { port: bound.port, publicUrl: publicUrl.href, routing, auth: settings.auth.kind },
    'relay started',
  );
  return {
    port: bound.port,
    adminUrl: admin?.url,
    problems,
    get drainMs() {
      return running.drainMs;
    },
    reload(next) {
      const useCertificate = tlsSide.prepare(next.tls);
      auth.replace(next.auth);
      if (next.auth.kind !== 'provider') renewal.stop();
      server.reconfigure(next.limits, next.trustedProxies);
      tlsSide.reconfigure(next.limits, next.trustedProxies);
      useCertificate();
      accessLog.share = next.logSample ?? 1;
      const waiting = awaitingRestart(settings, next);
      running = next;
      log.info({ waiting, auth: next.auth.kind }, 'settings read again');
      return waiting;
    },
    async stop() {
      const { drainMs } = running;
      log.info({ drainMs }, 'relay draining');
      auth.close();
      renewal.stop();
      await tlsSide.stop();
      await server.drain(drainMs);
      await admin?.close();
      log.info({}, 'relay stopped');
    },
  };
}

/** A token that was taken back takes its tunnels with it: no other token was granted their names. */
function endAll(server: RelayServer, hasToGo: (tunnel: ServedTunnel) => boolean, log: Logger): void {
  for (const tunnel of server.tunnels.filter(hasToGo)) {
    const { name } = tunnel;
    log.warn({ name }, 'tunnel ended: its token is not granted this name any more');
    server.disconnect(name, { reason: 'the token is not valid for this name any more', forGood: true });
  }
}
