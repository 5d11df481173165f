import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { TunneldError } from '../core/errors.ts';
import { STOPPING, unreadiness } from '../core/readiness.ts';
import type { MetricsSource } from './metrics.ts';
import { portInUse } from './port-in-use.ts';

/** A page in the user's browser can point any name at this port; it cannot choose another Host. */
const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i;

/** How often the event loop is asked to be on time (milliseconds). */
const LAG_RESOLUTION_MS = 20;

export interface HealthEndpointOptions {
  /** 0 picks a free one. */
  readonly port: number;
  readonly version: string;
  readonly source: MetricsSource;
}

export interface HealthEndpoint {
  readonly url: URL;
  close(): Promise<void>;
}

/**
 * `/healthz` (the process lives), `/readyz` (the tunnels serve) and `/metrics`, on loopback.
 *
 * A tunnel that reconnects makes `/readyz` 503 and leaves `/healthz` 200: take it out of rotation,
 * do not restart the daemon.
 *
 * @throws {TunneldError} `PORT_IN_USE`
 */
export async function startHealthEndpoint(options: HealthEndpointOptions): Promise<HealthEndpoint> {
  const { source, version } = options;
  const { fastify } = await import('fastify');
  const app = fastify({ logger: false, forceCloseConnections: true });
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  lag.enable();
  let metrics: Promise<{ render(): Promise<string>; readonly contentType: string }> | undefined;

  app.addHook('onRequest', async (request, reply) => {
    if (LOOPBACK_HOST.test(request.headers.host ?? '')) return;
    await reply.code(403).send({ error: { message: 'Only loopback names are served here' } });
  });
  app.get('/healthz', () => {
    const report = { alive: true, version, pid: process.pid, uptimeSeconds: Math.round(process.uptime()) };
    const lagMs = { mean: toMs(lag.mean), p99: toMs(lag.percentile(99)), max: toMs(lag.max) };
    lag.reset();
    return { ...report, loopLagMs: lagMs };
  });
  app.get<{ Querystring: { tunnel?: string } }>('/readyz', (request, reply) => {
    const name = request.query.tunnel;
    const tunnels = source.list().filter((tunnel) => name === undefined || tunnel.name === name);
    if (name !== undefined && tunnels.length === 0) {
      const { code, message, remedy } = new TunneldError(
        'TUNNEL_NOT_FOUND',
        `No tunnel is called "${name}".`,
      );
      return reply.code(404).send({ ready: false, error: { code, message, remedy } });
    }
    const reasons = [...(source.stopping ? [STOPPING] : []), ...unreadiness(tunnels, name !== undefined)];
    const ready = reasons.length === 0;
    return reply.code(ready ? 200 : 503).send({ ready, reasons, tunnels });
  });
  app.get('/metrics', async (_request, reply) => {
    metrics ??= import('./metrics.ts').then(({ createMetrics }) => createMetrics(source));
    const { render, contentType } = await metrics;
    return reply.type(contentType).send(await render());
  });

  try {
    await app.listen({ host: '127.0.0.1', port: options.port });
  } catch (error) {
    await app.close();
    const use = { what: 'health checks and metrics', key: 'healthPort', variable: 'TUNNELD_HEALTH_PORT' };
    throw portInUse(error, options.port, use);
  }
  const { port } = app.server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    async close() {
      lag.disable();
      await app.close();
    },
  };
}

/** The histogram counts nanoseconds from sample to sample, and is not a number before its first. */
function toMs(nanoseconds: number): number {
  if (!Number.isFinite(nanoseconds)) return 0;
  return Math.max(0, Math.round(nanoseconds / 1e4) / 100 - LAG_RESOLUTION_MS);
}
