import type { TunnelStatus } from '../../core/status.ts';
import type { CliIo } from '../io.ts';
import { statusDetail } from './status-detail.ts';
import { statusTable } from './status-table.ts';

/** The table, or the details of the one that was asked for. */
export function statusLines(
  name: string | undefined,
  tunnels: readonly TunnelStatus[],
  io: Pick<CliIo, 'clock' | 'paint'>,
): readonly string[] {
  const [only] = tunnels;
  return name === undefined || only === undefined
    ? statusTable(tunnels, io.clock.now(), io.paint)
    : statusDetail(only, io.clock.now(), io.paint);
}
