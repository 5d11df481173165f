import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import ms, { type StringValue } from 'ms';
import { TunneldError } from '../core/errors.ts';
import { VERSION } from '../core/version.ts';
import type { RelayServer } from '../relay/edge/relay-server.ts';
import { listenOnSocket } from './admin-socket.ts';
import type { Dismissals } from './dismissals.ts';
import type { Problems } from './problems.ts';
import type { TunnelCounts } from './tunnel-counts.ts';
import type { VisitCounts } from './visit-counts.ts';

/** A page in somebody's browser can point any name at this port; it cannot choose another Host. */
const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i;
/** The operator forgets it by then, and so does the relay when it starts anew. */
const LONGEST_DISMISSAL_MS = 7 * 86_400_000;

export interface AdminEndpoint {
  readonly url: URL | undefined;
  close(): Promise<void>;
}

/** What there is to tell of, and to act on. */
export interface AdministeredRelay {
  readonly server: RelayServer;
  readonly visits: VisitCounts;
  readonly tunnels: TunnelCounts;
  readonly problems: Problems;
  readonly dismissals: Dismissals;
}

export interface AdminPlaces {
  /** On loopback; 0 picks a free one. */
  readonly port: number | undefined;
  /** Path of a Unix socket for this user alone. */
  readonly socket?: string | undefined;
}

/**
 * `/healthz`, `/readyz` (503 while draining), `/metrics` and `/tunnels`, on loopback only.
 *
 * @throws {TunneldError} `SOCKET_UNUSABLE`, `PORT_IN_USE`
 */
export async function startAdminEndpoint(
  { port, socket }: AdminPlaces,
  relay: AdministeredRelay,
): Promise<AdminEndpoint> {
  const apps: FastifyInstance[] = [];
  const close = async () => {
    await Promise.all(apps.map((app) => app.close()));
  };
  try {
    if (socket !== undefined) {
      const app = await createApp(relay);
      apps.push(app);
      await listenOnSocket(app, socket);
    }
    if (port === undefined) return { url: undefined, close };
    const app = await createApp(relay);
    apps.push(app);
    await listenOnPort(app, port);
    const bound = app.server.address() as AddressInfo;
    return { url: new URL(`http://127.0.0.1:${bound.port}`), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listenOnPort(app: FastifyInstance, port: number): Promise<void> {
  try {
    await app.listen({ host: '127.0.0.1', port });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new TunneldError('PORT_IN_USE', `The admin endpoint cannot listen on 127.0.0.1:${port} (${code})`, {
      cause,
      remedy: 'Stop what listens there, or choose another with --admin-port (0: none).',
    });
  }
}

async function createApp(relay: AdministeredRelay): Promise<FastifyInstance> {
  const { server, problems, dismissals } = relay;
  const { fastify } = await import('fastify');
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.addHook('onRequest', async (request, reply) => {
    const { host = '', origin } = request.headers;
    if (!LOOPBACK_HOST.test(host)) {
      await reply.code(403).send(errorBody('Only loopback names are served here'));
    } else if (origin !== undefined && request.method !== 'GET') {
      // No browser is an operator: whoever sends this follows somebody's page.
      await reply.code(403).send(errorBody('Pages in a browser may change nothing here'));
    }
  });
  app.get('/healthz', () => ({
    alive: true,
    version: VERSION,
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
  }));
  app.get('/readyz', (_request, reply) => {
    const ready = !server.draining;
    return reply.code(ready ? 200 : 503).send({ ready, ...server.stats, problems: problems.all });
  });
  app.get('/tunnels', () => ({ tunnels: tunnelList(relay), refused: dismissals.all }));
  app.delete<{ Params: { name: string }; Querystring: { for?: string } }>(
    '/tunnels/:name',
    ({ params, query }, reply) => {
      const answer = disconnect(relay, params.name, query.for);
      return reply.code(answer.status).send(answer.body);
    },
  );
  let metrics: Promise<{ render(): Promise<string>; readonly contentType: string }> | undefined;
  app.get('/metrics', async (_request, reply) => {
    metrics ??= import('./relay-metrics.ts').then(({ createRelayMetrics }) => createRelayMetrics(relay));
    const { render, contentType } = await metrics;
    return reply.type(contentType).send(await render());
  });
  return app;
}

/** A token's hash, shortened: enough to tell two apart, and nothing to try tokens against. */
function tunnelList({ server, tunnels }: AdministeredRelay) {
  return server.tunnels.map(({ identity, openedAt, ...tunnel }) => ({
    ...tunnel,
    openedAt: new Date(openedAt).toISOString(),
    tokenHash: identity.slice(-64).slice(0, 8),
    ...tunnels.of(tunnel.name),
  }));
}

/**
 * Without a time, the agent is told not to come back. With one, the name is refused for so long, and
 * agents try again by themselves; `0` is at once.
 */
function disconnect({ server, dismissals }: AdministeredRelay, name: string, time: string | undefined) {
  const forMs = time === undefined ? undefined : durationOf(time);
  if (forMs !== undefined && !(forMs >= 0 && forMs <= LONGEST_DISMISSAL_MS)) {
    return { status: 400, body: errorBody('Expected ?for= with a duration such as 15m, up to 7d') };
  }
  // What is not said of a time leaves a refusal as it is.
  if (forMs !== undefined) dismissals.refuse(name, forMs);
  const reason = 'the operator of the relay disconnected this tunnel';
  const ended = server.disconnect(name, { reason, forGood: forMs === undefined });
  if (!ended && forMs === undefined) {
    return { status: 404, body: errorBody('No tunnel of this name is connected') };
  }
  return { status: 200, body: { name, ended, refusedForSeconds: Math.ceil((forMs ?? 0) / 1_000) } };
}

function durationOf(written: string): number {
  if (written === '' || written.length > 20) return Number.NaN;
  return (ms(written as StringValue) as number | undefined) ?? Number.NaN;
}

function errorBody(message: string) {
  return { error: { message } };
}
