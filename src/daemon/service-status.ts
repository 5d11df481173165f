import { isServing } from '../core/readiness.ts';
import type { TunnelStatus } from '../core/status.ts';

/** What the service manager shows of the daemon. */
export function serviceStatus(tunnels: readonly TunnelStatus[]): string {
  const wanted = tunnels.filter(({ desired }) => desired === 'up');
  const healthy = wanted.filter(isServing);
  return wanted.length === 0 ? 'no tunnels wanted' : `${healthy.length}/${wanted.length} healthy`;
}
