import type { EdgeView } from './edge-view.ts';
import type { Exposure } from './exposure.ts';

/** The session that is watched now, and what is known of it alone. */
export interface WatchedSession {
  readonly publicUrl: URL;
  /** Monotonic. */
  readonly openedAt: number;
  /** Ends every look at this session: what they saw is of no interest any more. */
  readonly gone: AbortController;
  readonly edge: EdgeView;
  /** Failures of the public leg in a row that can be held against the session. */
  strikes: number;
  exposure: Exposure;
  /** Monotonic; when the provider may be asked again. */
  quietUntil: number;
  /** Monotonic. */
  replaceAskedAt: number;
}

export function watched(publicUrl: URL, openedAt: number, edge: EdgeView): WatchedSession {
  return {
    publicUrl,
    openedAt,
    gone: new AbortController(),
    edge,
    strikes: 0,
    exposure: 'unknown',
    quietUntil: Number.NEGATIVE_INFINITY,
    replaceAskedAt: Number.NEGATIVE_INFINITY,
  };
}
