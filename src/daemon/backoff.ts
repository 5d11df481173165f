export interface BackoffPolicy {
  /** Ceiling of the delay before the first retry (milliseconds). */
  readonly baseMs: number;
  /** No delay is longer than this, jitter included (milliseconds). */
  readonly maxMs: number;
  /** A tunnel that worked for this long has recovered; the next failure starts over (milliseconds). */
  readonly resetAfterMs: number;
}

export const DEFAULT_BACKOFF: BackoffPolicy = {
  // A cut link must be back within two seconds, so the first retry comes in the first quarter of one.
  baseMs: 250,
  // Long enough not to hammer a provider that is down, short enough that users need no `restart`.
  maxMs: 60_000,
  // Two scheduled probes. Resetting on the bare opening of a session would turn a session that opens
  // and dies at once into a tight loop.
  resetAfterMs: 60_000,
};

/**
 * Full jitter: uniform in [0, min(max, base * 2^attempt)], in milliseconds.
 *
 * Many daemons lose the same provider at the same moment; equal delays would bring them all back
 * in step. Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
 *
 * @param attempt 0 for the first retry
 */
export function backoffDelayMs(attempt: number, policy: BackoffPolicy, random: () => number): number {
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** attempt);
  return random() * ceiling;
}
