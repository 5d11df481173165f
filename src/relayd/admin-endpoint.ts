import type { AddressInfo } from 'node:net';
import { VERSION } from '../core/version.ts';
import type { RelayServer } from '../relay/relay-server.ts';
import type { Problems } from './problems.ts';
import type { VisitCounts } from './visit-counts.ts';

/** A page in somebody's browser can point any name at this port; it cannot choose another Host. */
const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i;

export interface AdminEndpoint {
  readonly url: URL;
  close(): Promise<void>;
}

/** What there is to tell of, and to act on. */
export interface AdministeredRelay {
  readonly server: RelayServer;
  readonly visits: VisitCounts;
  readonly problems: Problems;
}

/**
 * `/healthz`, `/readyz` (503 while draining), `/metrics` and `/tunnels`, on loopback only.
 *
 * @param port 0 picks a free one
 */
export async function startAdminEndpoint(port: number, relay: AdministeredRelay): Promise<AdminEndpoint> {
  const { server, problems } = relay;
  const { fastify } = await import('fastify');
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.addHook('onRequest', async (request, reply) => {
    if (LOOPBACK_HOST.test(request.headers.host ?? '')) return;
    await reply.code(403).send({ error: { message: 'Only loopback names are served here' } });
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
  app.get('/tunnels', () => ({ tunnels: server.tunnels }));
  let metrics: Promise<{ render(): Promise<string>; readonly contentType: string }> | undefined;
  app.get('/metrics', async (_request, reply) => {
    metrics ??= import('./relay-metrics.ts').then(({ createRelayMetrics }) => createRelayMetrics(relay));
    const { render, contentType } = await metrics;
    return reply.type(contentType).send(await render());
  });
  await app.listen({ host: '127.0.0.1', port });
  const bound = app.server.address() as AddressInfo;
  return { url: new URL(`http://127.0.0.1:${bound.port}`), close: () => app.close() };
}
