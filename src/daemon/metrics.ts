import { Counter, Gauge } from 'prom-client';
import { processMetrics } from '../core/process-metrics.ts';
import type { Leg, TunnelStatus } from '../core/status.ts';
import type { Traffic } from './traffic.ts';

export interface MetricsSource {
  list(): readonly TunnelStatus[];
  traffic(name: string): Traffic;
  /** Log lines lost to a disk that did not keep up. */
  readonly droppedLogLines: number;
  now(): number;
  /** It was asked to end, and drains. */
  readonly stopping: boolean;
}

/**
 * The daemon in Prometheus' form. Labels are names from the configuration and words of ours: nothing
 * a caller or a server says becomes one, so nobody outside can make the series grow.
 *
 * Loaded at the first scrape: most daemons never see one.
 */
export function createMetrics(source: MetricsSource) {
  const registry = processMetrics();
  const registers = [registry];
  const perTunnel = ['tunnel'] as const;

  const up = gauge('tunneld_tunnel_up', 'Whether the tunnel has a live session.', ['tunnel', 'provider']);
  const healthy = gauge('tunneld_tunnel_healthy', 'Whether both legs answer.', ['tunnel', 'provider']);
  const backoff = gauge(
    'tunneld_backoff_seconds',
    'Time to the next attempt; 0 when none is due.',
    perTunnel,
  );
  const active = gauge('tunneld_active_streams', 'Exchanges in flight, event streams included.', perTunnel);
  const probe = gauge('tunneld_probe_seconds', 'How long the last probe of a leg took.', ['tunnel', 'leg']);
  const probeFailures = counter('tunneld_probe_failures_total', 'Probes that found a leg broken.', [
    'tunnel',
    'leg',
  ]);
  const restarts = counter('tunneld_restarts_total', 'Sessions replaced.', perTunnel);
  const requests = counter('tunneld_requests_total', 'Finished requests.', ['tunnel', 'code_class']);
  const bytes = counter('tunneld_bytes_total', 'Body bytes.', ['tunnel', 'direction']);
  const dropped = counter('tunneld_log_lines_dropped_total', 'Log lines the disk was too slow for.', []);
  const all = [up, healthy, backoff, active, probe, probeFailures, restarts, requests, bytes, dropped];

  function gauge<T extends string>(name: string, help: string, labelNames: readonly T[]) {
    return new Gauge({ name, help, labelNames, registers });
  }

  function counter<T extends string>(name: string, help: string, labelNames: readonly T[]) {
    return new Counter({ name, help, labelNames, registers });
  }

  function refresh(status: TunnelStatus): void {
    const { name: tunnel, provider } = status;
    const traffic = source.traffic(tunnel);
    up.set({ tunnel, provider }, status.state === 'up' ? 1 : 0);
    healthy.set({ tunnel, provider }, status.health.verdict === 'healthy' ? 1 : 0);
    backoff.set({ tunnel }, Math.max(0, (status.nextRetryAt ?? 0) - source.now()) / 1_000);
    active.set({ tunnel }, status.requests.active);
    restarts.inc({ tunnel }, status.replacements);
    for (const leg of ['local', 'public'] as const satisfies Leg[]) {
      const latencyMs = status.health[leg]?.latencyMs;
      if (latencyMs !== undefined) probe.set({ tunnel, leg }, latencyMs / 1_000);
      probeFailures.inc({ tunnel, leg }, traffic.probeFailures[leg]);
    }
    for (const [code_class, count] of Object.entries(traffic.byClass))
      requests.inc({ tunnel, code_class }, count);
    bytes.inc({ tunnel, direction: 'in' }, traffic.requestBytes);
    bytes.inc({ tunnel, direction: 'out' }, traffic.responseBytes);
  }

  return {
    contentType: registry.contentType,
    /** Counted where it happens and copied at each scrape: a removed tunnel's series go with it. */
    render(): Promise<string> {
      for (const metric of all) metric.reset();
      for (const status of source.list()) refresh(status);
      dropped.inc(source.droppedLogLines);
      return registry.metrics();
    },
  };
}
