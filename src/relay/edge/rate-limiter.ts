import { BoundedMap } from '../../core/bounded-map.ts';
import type { Clock } from '../../core/clock.ts';

/** Beyond this many keys the one that asked longest ago is forgotten. */
const MAX_KEYS = 50_000;

/** Requests per second for each key, with a burst of twice that. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new BoundedMap<string, { tokens: number; at: number }>(MAX_KEYS);

  /** @param perSecond 0 is no limit */
  constructor(perSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, perSecond * 2);
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one. @returns 0 when there was one, else how many seconds until there is (rounded up) */
  take(key: string): number {
    if (this.#perSecond === 0) return 0;
    const now = this.#clock.monotonic();
    const known = this.#buckets.get(key);
    const grown =
      known === undefined ? this.#burst : known.tokens + ((now - known.at) / 1_000) * this.#perSecond;
    const tokens = Math.min(this.#burst, grown);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - tokens) / this.#perSecond));
  }
}
