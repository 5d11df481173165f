import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { loggedPath } from '../http1/carriers.ts';
import type { Authorize } from '../relay/authorization.ts';
import type { Visit } from '../relay/observed-exchange.ts';
import { RelayServer } from '../relay/relay-server.ts';
import { type AdminEndpoint, startAdminEndpoint } from './admin-endpoint.ts';
import { authorizeAnybody, authorizeByProvider, authorizeFromList } from './authorizers.ts';
import type { RelaySettings } from './settings.ts';
import { createTlsSide } from './tls-side.ts';
import { VisitCounts } from './visit-counts.ts';

/** After a restart the agents are back within a moment; until then a visitor should not hear 404. */
const RETURNS_MS = 5_000;

export interface RunningRelay {
  readonly port: number;
  readonly adminUrl: URL | undefined;
  /** Sends the agents away, lets exchanges in flight finish, then releases everything. */
  stop(): Promise<void>;
}

/**
 * Puts a relay together that others may use, and starts it.
 *
 * @throws {TunneldError} `PORT_IN_USE`, `USAGE` (a certificate that cannot be used)
 */
export async function startRelay(settings: RelaySettings, clock: Clock, log: Logger): Promise<RunningRelay> {
  const { host, port, routing, publicUrl, trustedProxies, limits, drainMs, adminPort } = settings;
  const visits = new VisitCounts();
  const tlsSide = createTlsSide(settings, clock, log);
  const server = new RelayServer({
    host,
    port,
    routing: { kind: routing },
    publicUrl,
    authorize: authorizeOf(settings, clock, log),
    enforceAccess: true,
    mcpTunnelAgents: settings.mcpTunnelAgents,
    trustedProxies,
    proxyProtocol: settings.proxyProtocol,
    limits,
    returnsMs: settings.returnsMs ?? RETURNS_MS,
    clock,
    log,
    onVisit: (visit) => {
      visits.note(visit);
      logVisit(log, visit);
    },
    ...tlsSide.listener,
  });
  const bound = await server.listen();
  let admin: AdminEndpoint | undefined;
  try {
    admin = adminPort === undefined ? undefined : await startAdminEndpoint(adminPort, server, visits);
    await tlsSide.start(server);
  } catch (error) {
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
    async stop() {
      log.info({ drainMs }, 'relay draining');
      await tlsSide.stop();
      await server.drain(drainMs);
      await admin?.close();
      log.info({}, 'relay stopped');
    },
  };
}

function authorizeOf({ auth }: RelaySettings, clock: Clock, log: Logger): Authorize {
  switch (auth.kind) {
    case 'static':
      return authorizeFromList(() => auth.grants());
    case 'provider':
      return authorizeByProvider({ url: auth.url, secret: auth.secret, clock, log });
    case 'open':
      return authorizeAnybody();
  }
}

/** Queries and secret path segments are credentials: no log has them. */
function logVisit(log: Logger, visit: Visit): void {
  const { request, peer, name, target, status, durationMs, responseBytes, outcome, reason } = visit;
  // Without a tunnel the segments are not known apart: a token in a mistyped URL is a token too.
  const path = name === undefined ? loggedPath(target).split('/').slice(0, 2).join('/') : loggedPath(target);
  log.info(
    {
      kind: 'request',
      tunnel: name,
      client: peer.address,
      method: request.method,
      path,
      status,
      durationMs: Math.round(durationMs * 10) / 10,
      responseBytes,
      outcome,
      reason,
    },
    'request',
  );
}
