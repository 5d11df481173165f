import { monitorEventLoopDelay } from 'node:perf_hooks';
import { TunneldError } from '../core/errors.ts';
import { createLocalEndpoint, listenOnLoopback } from '../core/local-endpoint.ts';
import { type Reason, STOPPING, unreadiness } from '../core/readiness.ts';
import type { MetricsSource } from './metrics.ts';
import { portInUse } from './port-in-use.ts';

/** How often the event loop is asked to be on time (milliseconds). */
const LAG_RESOLUTION_MS = 20;

export interface HealthEndpointOptions {
  /** 0 picks a free one. */
  readonly port: number;
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
 * Every user of the machine reaches the port. `/readyz` says how it is, and whoever may open the
 * control socket hears names, addresses and causes from `tunneld ready`.
 *
 * @throws {TunneldError} `PORT_IN_USE`
 */
export async function startHealthEndpoint({ port, source }: HealthEndpointOptions): Promise<HealthEndpoint> {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  lag.enable();
  const app = await createLocalEndpoint({
    health() {
      const loopLagMs = { mean: toMs(lag.mean), p99: toMs(lag.percentile(99)), max: toMs(lag.max) };
      lag.reset();
      return { loopLagMs };
    },
    metrics: () => import('./metrics.ts').then(({ createMetrics }) => createMetrics(source)),
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
    return reply.code(ready ? 200 : 503).send({ ready, reasons: reasons.map(forAnybody) });
  });

  try {
    const url = await listenOnLoopback(app, port);
    return {
      url,
      async close() {
        lag.disable();
        await app.close();
      },
    };
  } catch (error) {
    lag.disable();
    await app.close();
    const use = { what: 'health checks and metrics', key: 'healthPort', variable: 'TUNNELD_HEALTH_PORT' };
    throw portInUse(error, port, use);
  }
}

/** Names and causes, which have addresses in them, are for the control socket. */
function forAnybody(reason: Reason): Partial<Reason> {
  return reason === STOPPING ? reason : { state: reason.state };
}

/** The histogram counts nanoseconds from sample to sample, and is not a number before its first. */
function toMs(nanoseconds: number): number {
  if (!Number.isFinite(nanoseconds)) return 0;
  return Math.max(0, Math.round(nanoseconds / 1e4) / 100 - LAG_RESOLUTION_MS);
}
