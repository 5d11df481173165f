import type { TunnelStatus } from '../../core/status.ts';
import type { CliIo } from '../io.ts';

/** The table, or the details of the one that was asked for. */
export async function statusLines(
  name: string | undefined,
  tunnels: readonly TunnelStatus[],
  io: Pick<CliIo, 'clock' | 'paint' | 'size'>,
): Promise<readonly string[]> {
  const [only] = tunnels;
  const now = io.clock.now();
  const { columns } = io.size();
  return name === undefined || only === undefined
    ? (await import('./status-table.ts')).statusTable(tunnels, now, io.paint, columns)
    : (await import('./status-detail.ts')).statusDetail(only, now, io.paint, columns);
}

/** Loads what `statusLines` will need, for whoever has time for it before there is something to show. */
export async function loadLines(name: string | undefined): Promise<void> {
  await (name === undefined ? import('./status-table.ts') : import('./status-detail.ts'));
}
