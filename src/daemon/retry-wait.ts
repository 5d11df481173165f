import type { Clock, Timer } from '../core/clock.ts';

/** How often to look whether the network came back (reads no network). */
const ONLINE_POLL_MS = 2_000;
/** How often to look whether what failed works again: after many failures in a row less often. */
const FIRST_LOOK_MS = 500;
const LONGEST_LOOK_MS = 5_000;
/** What comes back for one comes back for many: they spread over this. */
const SPREAD_MS = 500;

export interface RetryWaitDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** Whether this machine has a network at all. Cheap, never throws. */
  readonly online: () => boolean;
  /** Whether what made the last attempt fail works again, where the provider can tell. Never rejects. */
  readonly mended?: () => Promise<boolean>;
  readonly onOffline: () => void;
  readonly onDue: (cause: string) => void;
}

/** How a wait differs from the usual one. */
export interface Patience {
  /** Nothing failed, so nothing is waited for. */
  readonly atOnce?: boolean;
  /** What the provider asked for (milliseconds). */
  readonly atLeastMs?: number | undefined;
}

/**
 * The wait before the next attempt. It ends early when its reason is gone: the network is back, or
 * what could not be reached answers again.
 */
export class RetryWait {
  readonly #deps: RetryWaitDeps;
  /** Of the next wait, said before it can begin: the last session may have to be closed first. */
  #patience: Patience = {};
  #due: { readonly monotonic: number; readonly wall: number } | undefined;
  #offline = false;
  #timer: Timer | undefined;
  #look: Timer | undefined;
  /** Tells the answer of an earlier wait from one of this. */
  #generation = 0;

  constructor(deps: RetryWaitDeps) {
    this.#deps = deps;
  }

  /** When the attempt is due (Unix milliseconds); undefined while nothing waits, or for the network. */
  get dueAt(): number | undefined {
    return this.#offline ? undefined : this.#due?.wall;
  }

  /** Whether the next wait is prepared to be none. */
  get atOnce(): boolean {
    return this.#patience.atOnce === true;
  }

  /** Says how the next wait is to differ. What it does not speak of stays as said before. */
  prepare(patience: Patience): void {
    this.#patience = { ...this.#patience, ...patience };
  }

  /**
   * @param usualMs how long to wait, unless `prepare` said otherwise
   * @param begin called once `dueAt` is known, before anything can be due
   */
  start(usualMs: number, begin: () => void): void {
    const { clock } = this.#deps;
    const { atOnce = false, atLeastMs = 0 } = this.#patience;
    const delayMs = atOnce ? 0 : Math.max(atLeastMs, usualMs);
    this.cancel();
    this.#due = { monotonic: clock.monotonic() + delayMs, wall: clock.now() + delayMs };
    begin();
    // A provider that asked for patience is given it, whether or not it answers meanwhile.
    if (atLeastMs === 0 && this.#deps.mended !== undefined)
      this.#lookAfter(within(FIRST_LOOK_MS, delayMs / 8, LONGEST_LOOK_MS));
    this.#watch();
  }

  /** Nothing waits any more, and nothing is prepared. */
  cancel(): void {
    this.#generation += 1;
    this.#timer?.cancel();
    this.#look?.cancel();
    this.#due = undefined;
    this.#offline = false;
    this.#patience = {};
  }

  /** Waits in slices, so that a network that goes and comes back is noticed. */
  #watch(): void {
    const { clock, online, onOffline } = this.#deps;
    const leftMs = (this.#due?.monotonic ?? 0) - clock.monotonic();
    if (!online()) {
      if (!this.#offline) {
        this.#offline = true;
        onOffline();
      }
    } else if (this.#offline) {
      this.#end('the network is back');
      return;
    } else if (leftMs <= 0) {
      this.#end('retry is due');
      return;
    }
    const sliceMs = this.#offline ? ONLINE_POLL_MS : Math.min(leftMs, ONLINE_POLL_MS);
    this.#timer = clock.setTimer(() => this.#watch(), sliceMs);
  }

  #lookAfter(delayMs: number): void {
    this.#look = this.#deps.clock.setTimer(() => void this.#lookNow(delayMs), delayMs);
  }

  async #lookNow(delayMs: number): Promise<void> {
    const { clock, random, mended } = this.#deps;
    const generation = this.#generation;
    const gone = this.#offline ? false : ((await mended?.()) ?? false);
    if (generation !== this.#generation) return;
    if (!gone) this.#lookAfter(Math.min(LONGEST_LOOK_MS, delayMs * 2));
    else this.#look = clock.setTimer(() => this.#end('what failed answers again'), random() * SPREAD_MS);
  }

  #end(cause: string): void {
    this.cancel();
    this.#deps.onDue(cause);
  }
}

function within(least: number, wished: number, most: number): number {
  return Math.min(most, Math.max(least, wished));
}
