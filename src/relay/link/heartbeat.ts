import type { Clock, Timer } from '../../core/clock.ts';

/** Silence after which we ask whether the peer is there. */
const PING_AFTER_MS = 5_000;
/** Silence after which it is not. */
const DEAD_AFTER_MS = 15_000;

/**
 * One batch may take this long to leave. Generous: a slow uplink needs its time for a full backlog,
 * and what waits meanwhile is bounded.
 */
const STALLED_AFTER_MS = 60_000;

export interface HeartbeatOptions {
  readonly clock: Clock;
  /** Whether anything was sent since the last call. */
  spoke(): boolean;
  /** How long unsent bytes have been waiting without progress (milliseconds). */
  stalledMs(): number;
  /** How long silence is taken to mean nothing, where that differs (milliseconds). */
  deadAfterMs?(): number;
  ping(): void;
  /** Now and then while the peer is heard of. */
  alive?(): void;
  dead(why: string): void;
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
    const slept = now - this.#dueAt > PING_AFTER_MS;
    if (slept) this.#heardAt = Math.max(this.#heardAt, now - DEAD_AFTER_MS + PING_AFTER_MS);
    const silentMs = now - this.#heardAt;
    if (silentMs >= (this.#options.deadAfterMs?.() ?? DEAD_AFTER_MS)) {
      this.#giveUp(`the peer was silent for ${Math.round(silentMs)} ms`);
      return;
    }
    if (!slept && this.#options.stalledMs() >= STALLED_AFTER_MS) {
      this.#giveUp('the peer reads nothing');
      return;
    }
    if (silentMs < PING_AFTER_MS) this.#options.alive?.();
    // Also when only we were silent: the peer's own questions may be stuck behind a slow upload.
    if (silentMs >= PING_AFTER_MS || !this.#options.spoke()) this.#options.ping();
    // To the next multiple of the interval, counted from the last byte heard.
    this.#arm(PING_AFTER_MS - (silentMs % PING_AFTER_MS));
  }

  #giveUp(why: string): void {
    this.stop();
    this.#options.dead(why);
  }
}
