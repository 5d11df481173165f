import { stateWord, troubleOf } from '../core/readiness.ts';
import type { TunnelStatus } from '../core/status.ts';
import type { DaemonClient } from './daemon-client.ts';
import type { CliIo } from './io.ts';
import { printableJson } from './render/printable.ts';
import { statusLines } from './render/status-lines.ts';
import { snapshots } from './snapshots.ts';

/**
 * `tunneld status --watch`: a terminal is redrawn; a pipe gets another table, or lines of JSON,
 * only when something changed.
 *
 * @throws {Interrupted} which is how it ends, and what the daemon's client throws
 */
export async function watchStatus(
  name: string | undefined,
  json: boolean,
  client: DaemonClient,
  io: CliIo,
): Promise<never> {
  // Asked for once before watching, so that an unknown name is an error at once.
  if (name !== undefined) await client.status(name);
  const printed = new Map<string, string>();
  let shown: string | undefined;
  for await (const all of snapshots(client, io.clock, io.interrupted())) {
    const tunnels = name === undefined ? all : all.filter((tunnel) => tunnel.name === name);
    if (json) {
      for (const tunnel of tunnels) printChanged(tunnel, printed, io);
      printRemoved(tunnels, printed, io);
      continue;
    }
    const essence = io.interactive ? undefined : JSON.stringify(tunnels.map(essenceOf));
    if (essence !== undefined && essence === shown) continue;
    shown = essence;
    io.clear();
    const gone = name !== undefined && tunnels.length === 0;
    const lines = gone
      ? [`"${name}" was removed. It shows here again when it is defined again.`]
      : await statusLines(name, tunnels, io);
    for (const line of fitting(lines, io)) io.out(line);
  }
  throw new Error('watching the status ended without a reason');
}

/** More lines than the terminal has would push the first ones, and the header with them, off its top. */
function fitting(lines: readonly string[], io: CliIo): readonly string[] {
  // The cursor stands below the last line.
  const room = io.size().rows - 1;
  if (!io.interactive || lines.length <= room) return lines;
  const shown = lines.slice(0, Math.max(1, room - 1));
  return [
    ...shown,
    `... and ${lines.length - shown.length} more lines: make the terminal higher, or name a tunnel`,
  ];
}

function printChanged(tunnel: TunnelStatus, printed: Map<string, string>, io: CliIo): void {
  const line = printableJson(tunnel);
  if (printed.get(tunnel.name) === line) return;
  printed.set(tunnel.name, line);
  io.out(line);
}

function printRemoved(tunnels: readonly TunnelStatus[], printed: Map<string, string>, io: CliIo): void {
  const known = new Set(tunnels.map(({ name }) => name));
  for (const name of printed.keys()) {
    if (known.has(name)) continue;
    printed.delete(name);
    io.out(printableJson({ removed: name }));
  }
}

/** What makes a new table worth printing: not the ages, which differ every second. */
function essenceOf(tunnel: TunnelStatus) {
  return [
    tunnel.name,
    stateWord(tunnel),
    tunnel.mcpUrl,
    tunnel.upstream,
    tunnel.desired,
    troubleOf(tunnel)?.why,
  ];
}
