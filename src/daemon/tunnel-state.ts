import type { TunnelState } from '../core/status.ts';

/**
 * The life of one tunnel, as data. ARCHITECTURE.md prints the same table; a test keeps them equal.
 *
 * An event that is not in the row of the current state means nothing there: it is late (its session
 * is gone already) or repeated, and is dropped.
 */
export const TRANSITIONS = {
  stopped: { start: 'opening' },
  opening: { opened: 'up', 'open-failed': 'backing-off', 'open-rejected': 'failed', stop: 'closing' },
  up: {
    lost: 'replacing',
    unhealthy: 'replacing',
    expiring: 'replacing',
    restart: 'replacing',
    rejected: 'closing',
    exposed: 'closing',
    stop: 'closing',
  },
  replacing: {
    closed: 'backing-off',
    opened: 'up',
    kept: 'up',
    'open-failed': 'backing-off',
    'open-rejected': 'failed',
    exposed: 'closing',
    stop: 'closing',
  },
  'backing-off': { 'retry-due': 'opening', restart: 'opening', offline: 'backing-off', stop: 'stopped' },
  closing: { closed: 'stopped', 'gave-up': 'failed' },
  failed: { start: 'opening', restart: 'opening', stop: 'stopped' },
} as const satisfies Record<TunnelState, Record<string, TunnelState>>;

type EventsOf<S> = S extends TunnelState ? keyof (typeof TRANSITIONS)[S] : never;
export type TunnelEvent = EventsOf<TunnelState>;

/** Returns the next state, or `undefined` when `event` means nothing in `state`. */
export function nextState(state: TunnelState, event: TunnelEvent): TunnelState | undefined {
  const row: Partial<Record<TunnelEvent, TunnelState>> = TRANSITIONS[state];
  return row[event];
}
