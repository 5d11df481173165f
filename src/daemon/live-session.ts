import type { EdgeCheck } from '../core/edge-check.ts';

/** What others are told of the session that serves. */
export interface LiveSession {
  /** Counts the sessions of this tunnel since the daemon started; the id late events are known by. */
  readonly generation: number;
  readonly publicUrl: URL;
  /** Unix milliseconds. */
  readonly openedAt: number;
  readonly expiresAt: number | undefined;
  /** What it says it cannot do; it may have learnt more since it opened. */
  readonly notes: readonly string[] | undefined;
  /** What the provider itself sees of it; undefined where it cannot be asked. */
  readonly askEdge: ((signal: AbortSignal) => Promise<EdgeCheck>) | undefined;
}
