import type { Clock, Timer } from '../core/clock.ts';

/** Silence after which we ask whether the peer is there. */
export const PING_AFTER_MS = 5_000;
/** Silence after which it is not. */
export const DEAD_AFTER_MS = 15_000;

export interface HeartbeatOptions {
  readonly clock: Clock;
  ping(): void;
  dead(silentMs: number): void;
}

/** Finds a peer that is gone although its socket looks open: cable pulled, process stopped. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #heardAt: number;
  #dueAt = 0;
  #timer: Timer | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#heardAt = options.clock.monotonic();
    this.#arm(PING_AFTER_MS);
  }

  /** Bytes arrived, of whatever kind. */
  heard(): void {
    this.#heardAt = this.#options.clock.monotonic();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    const { clock } = this.#options;
    this.#dueAt = clock.monotonic() + delayMs;
    this.#timer = clock.setTimer(() => this.#check(), delayMs);
  }

  #check(): void {
    const now = this.#options.clock.monotonic();
    // A timer this late means that we slept (suspended laptop, SIGSTOP): the peer's bytes may be
    // waiting unread in the socket, so it gets one more interval before it counts as dead.
    if (now - this.#dueAt > PING_AFTER_MS) {
      this.#heardAt = Math.max(this.#heardAt, now - DEAD_AFTER_MS + PING_AFTER_MS);
    }
    const silentMs = now - this.#heardAt;
    if (silentMs >= DEAD_AFTER_MS) {
      this.stop();
      this.#options.dead(silentMs);
      return;
    }
    if (silentMs >= PING_AFTER_MS) this.#options.ping();
    // To the next multiple of the interval, counted from the last byte heard.
    this.#arm(PING_AFTER_MS - (silentMs % PING_AFTER_MS));
  }
}
