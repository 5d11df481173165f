import type { Clock } from '../../core/clock.ts';

/** Beyond this many keys the oldest is forgotten: memory is bounded whatever strangers send. */
const MAX_KEYS = 50_000;

/** Requests per second for each key, with a burst of twice that. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  /** @param perSecond 0 is no limit */
  constructor(perSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, perSecond * 2);
  }

  /** Takes one. @returns 0 when there was one, else how many seconds until there is (rounded up) */
  take(key: string): number {
    if (this.#perSecond === 0) return 0;
    const now = this.#clock.monotonic();
    const known = this.#buckets.get(key);
    const grown =
      known === undefined ? this.#burst : known.tokens + ((now - known.at) / 1_000) * this.#perSecond;
    const tokens = Math.min(this.#burst, grown);
    // Last in the map is last used.
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > MAX_KEYS) this.#forgetOldest();
    return tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - tokens) / this.#perSecond));
  }

  #forgetOldest(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key);
      return;
    }
  }
}
