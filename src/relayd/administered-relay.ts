import type { RelayServer } from '../relay/edge/relay-server.ts';
import type { Dismissals } from './dismissals.ts';
import type { Problems } from './problems.ts';
import type { TunnelCounts } from './tunnel-counts.ts';
import type { VisitCounts } from './visit-counts.ts';

/** What there is to tell of, and to act on. */
export interface AdministeredRelay {
  readonly server: RelayServer;
  readonly visits: VisitCounts;
  readonly tunnels: TunnelCounts;
  readonly problems: Problems;
  readonly dismissals: Dismissals;
}
