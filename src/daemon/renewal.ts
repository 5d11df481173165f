import type { Clock, Timer } from '../core/clock.ts';

/** A session that will be cut off is replaced this long before, or at 90 % of a shorter life. */
const RENEW_EARLY_MS = 60_000;

/** An expiry is checked at least this often: a laptop's sleep moves the wall clock, not the timers. */
const EXPIRY_CHECK_MS = 60_000;

/** Wall-clock times (Unix milliseconds). */
export interface Lifetime {
  readonly openedAt: number;
  /** Undefined where the provider sets no end. */
  readonly expiresAt: number | undefined;
}

/** Tells when the live session has to be renewed, because its provider ends it soon. */
export class Renewal {
  readonly #clock: Clock;
  readonly #onDue: (until: string) => void;
  #session: Lifetime | undefined;
  #timer: Timer | undefined;

  /** @param onDue told when the session ends (ISO 8601) */
  constructor(clock: Clock, onDue: (until: string) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /**
   * Watches this session instead of the last one.
   *
   * @param atLeastMs when renewing it was tried a moment ago
   */
  watch(session: Lifetime, atLeastMs = 0): void {
    this.#session = session;
    this.check(atLeastMs);
  }

  /** Looks now: the machine woke up, and the wall clock may have jumped. */
  check(atLeastMs = 0): void {
    this.#timer?.cancel();
    if (this.#session?.expiresAt === undefined) return;
    const { openedAt, expiresAt } = this.#session;
    const early = Math.min(RENEW_EARLY_MS, (expiresAt - openedAt) / 10);
    const leftMs = Math.max(atLeastMs, expiresAt - early - this.#clock.now());
    if (leftMs > 0) {
      this.#timer = this.#clock.setTimer(() => this.check(), Math.min(leftMs, EXPIRY_CHECK_MS));
      return;
    }
    this.cancel();
    this.#onDue(new Date(expiresAt).toISOString());
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#session = undefined;
  }
}
