import type { TunnelState } from '../core/status.ts';

/**
 * The life of one tunnel, as data. ARCHITECTURE.md prints the same table; a test keeps them equal.
 *
 * An event that is not in the row of the current state means nothing there: it is late (its session
 * is gone already) or repeated, and is dropped.
 */
export const TRANSITIONS = {
  stopped: { start: 'opening', restart: 'opening' },
  opening: { opened: 'up', 'open-failed': 'backing-off', 'open-rejected': 'failed', stop: 'closing' },
  up: {
    lost: 'replacing',
    unhealthy: 'replacing',
    expiring: 'replacing',
    restart: 'replacing',
    rejected: 'giving-up',
    exposed: 'giving-up',
    stop: 'closing',
  },
  replacing: {
    closed: 'backing-off',
    opened: 'up',
    kept: 'up',
    'open-failed': 'backing-off',
    'open-rejected': 'failed',
    restart: 'replacing',
    exposed: 'giving-up',
    stop: 'closing',
  },
  'backing-off': { 'retry-due': 'opening', restart: 'opening', offline: 'backing-off', stop: 'stopped' },
  closing: { closed: 'stopped' },
  // Closing for a reason that another attempt would meet again: only the user makes one.
  'giving-up': { closed: 'failed', start: 'closing', restart: 'closing', stop: 'closing' },
  failed: { start: 'opening', restart: 'opening', stop: 'stopped' },
} as const satisfies Record<TunnelState, Record<string, TunnelState>>;

type EventsOf<S> = S extends TunnelState ? keyof (typeof TRANSITIONS)[S] : never;
export type TunnelEvent = EventsOf<TunnelState>;

export interface StateChange {
  /** Unix milliseconds. */
  readonly at: number;
  readonly from: TunnelState;
  readonly event: TunnelEvent;
  readonly to: TunnelState;
  readonly cause: string;
}

/** Returns the next state, or `undefined` when `event` means nothing in `state`. */
export function nextState(state: TunnelState, event: TunnelEvent): TunnelState | undefined {
  const row: Partial<Record<TunnelEvent, TunnelState>> = TRANSITIONS[state];
  return row[event];
}

/** The state a tunnel is in: it changes by events of the table alone. */
export class StateMachine {
  readonly #now: () => number;
  readonly #onChange: (change: StateChange) => void;
  #state: TunnelState = 'stopped';
  #since: number;
  #lastChange: StateChange | undefined;

  /**
   * @param now Unix milliseconds
   * @param onChange called with the new state already in force
   */
  constructor(now: () => number, onChange: (change: StateChange) => void) {
    this.#now = now;
    this.#onChange = onChange;
    this.#since = now();
  }

  get state(): TunnelState {
    return this.#state;
  }

  /** When the state last became another (Unix milliseconds). */
  get since(): number {
    return this.#since;
  }

  get lastChange(): StateChange | undefined {
    return this.#lastChange;
  }

  /** Returns false when `event` means nothing in the current state. */
  apply(event: TunnelEvent, cause: string): boolean {
    const from = this.#state;
    const to = nextState(from, event);
    if (to === undefined) return false;
    const at = this.#now();
    this.#state = to;
    if (to !== from) this.#since = at;
    this.#lastChange = { at, from, event, to, cause };
    this.#onChange(this.#lastChange);
    return true;
  }
}
