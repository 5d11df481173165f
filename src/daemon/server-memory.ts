import { isDeepStrictEqual } from 'node:util';
import type { TunnelConfig } from '../config/schema.ts';
import type { StoredTunnel } from '../config/state-schema.ts';
import type { Logger } from '../core/log.ts';
import { sha256Hex } from '../core/sha256.ts';
import type { ServerEvents } from '../servers/host/keeper.ts';
import type { ServerState, Shown } from '../servers/server.ts';

/** Where a tunnel's state is kept. */
export interface Memory {
  get(): StoredTunnel | undefined;
  keep(tunnel: StoredTunnel): void;
}

/** What the program of this configuration showed when it last ran. */
export function shownBefore(config: TunnelConfig, memory: Memory): Shown | undefined {
  const stored = memory.get()?.shown;
  if (stored === undefined || stored.of !== programOf(config)) return undefined;
  const { of: _, ...shown } = stored;
  return shown as Shown;
}

/** Writes down what a program does, and what it shows of itself. */
export function serverEvents(
  config: TunnelConfig,
  memory: Memory,
  log: Logger,
  onState: () => void,
): ServerEvents {
  return {
    state(state) {
      const shown = shownIn(state);
      const stored = memory.get();
      if (shown !== undefined && stored !== undefined) {
        const next = { ...shown, of: programOf(config) };
        if (!isDeepStrictEqual(next, stored.shown)) memory.keep({ ...stored, shown: next });
      }
      onState();
    },
    line: (line) => log.info({ line }, 'the server wrote to its standard error'),
    note: (text, fields) => log.warn(fields, text),
  };
}

function shownIn(state: ServerState): Shown | undefined {
  if (state.kind === 'ready') return state.shown;
  return state.kind === 'asleep' ? state.before : undefined;
}

function programOf({ command, cwd }: TunnelConfig): string {
  return sha256Hex(JSON.stringify([command, cwd])).slice(0, 16);
}
