import { Counter, Gauge } from 'prom-client';
import { processMetrics } from '../core/process-metrics.ts';
import type { AdministeredRelay } from './administered-relay.ts';
import { REREAD } from './problems.ts';

/** The relay in Prometheus' form. Series of tunnels are bounded, because agents choose their names. */
export function createRelayMetrics({ server, visits, problems, tunnels }: AdministeredRelay) {
  const registry = processMetrics();
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const links = gauge('tunneld_relay_links', 'Agents that are connected and registered.');
  const pending = gauge('tunneld_relay_pending_links', "Agents' sockets that have not registered yet.");
  const streams = gauge('tunneld_relay_active_streams', 'Exchanges in flight, event streams included.');
  const connections = gauge('tunneld_relay_connections', "Visitors' connections.");
  const stale = new Gauge({
    name: 'tunneld_relay_stale',
    help: '1: could not be read again, what was read before is in force.',
    labelNames: ['what'],
    registers,
  });
  const bytes = new Counter({ name: 'tunneld_relay_response_bytes_total', help: 'Body bytes.', registers });
  const requests = new Counter({
    name: 'tunneld_relay_requests_total',
    help: 'Finished requests.',
    labelNames: ['code_class'],
    registers,
  });
  const refusals = new Counter({
    name: 'tunneld_relay_refusals_total',
    help: 'Requests the relay answered itself.',
    labelNames: ['reason'],
    registers,
  });

  const labelNames = ['tunnel'] as const;
  const up = new Gauge({
    name: 'tunneld_relay_tunnel_up',
    help: '1: an agent serves it. 0: its agent is gone, for an hour at most.',
    labelNames,
    registers,
  });
  const active = new Gauge({
    name: 'tunneld_relay_tunnel_active_requests',
    help: 'Requests in flight.',
    labelNames,
    registers,
  });
  const tunnelRequests = new Counter({
    name: 'tunneld_relay_tunnel_requests_total',
    help: 'Finished requests.',
    labelNames,
    registers,
  });
  const tunnelBytes = new Counter({
    name: 'tunneld_relay_tunnel_response_bytes_total',
    help: 'Body bytes.',
    labelNames,
    registers,
  });
  const reconnects = new Counter({
    name: 'tunneld_relay_tunnel_reconnects_total',
    help: 'Registrations after the first.',
    labelNames,
    registers,
  });
  const ofTunnels = [up, active, tunnelRequests, tunnelBytes, reconnects];
  const renderTunnels = () => {
    for (const metric of ofTunnels) metric.reset();
    const served = new Map(server.tunnels.map(({ name, streams }) => [name, streams]));
    for (const [tunnel, count] of tunnels.known((name) => served.has(name))) {
      up.set({ tunnel }, served.has(tunnel) ? 1 : 0);
      active.set({ tunnel }, served.get(tunnel) ?? 0);
      tunnelRequests.inc({ tunnel }, count.requests);
      tunnelBytes.inc({ tunnel }, count.responseBytes);
      reconnects.inc({ tunnel }, count.reconnects);
    }
  };

  return {
    contentType: registry.contentType,
    render(): Promise<string> {
      const { stats } = server;
      for (const what of REREAD) stale.set({ what }, what in problems.all ? 1 : 0);
      links.set(stats.links);
      pending.set(stats.pendingLinks);
      streams.set(stats.streams);
      connections.set(stats.connections);
      for (const metric of [bytes, requests, refusals]) metric.reset();
      bytes.inc(visits.responseBytes);
      for (const [code_class, count] of visits.byClass) requests.inc({ code_class }, count);
      for (const [reason, count] of visits.byReason) refusals.inc({ reason }, count);
      renderTunnels();
      return registry.metrics();
    },
  };
}
