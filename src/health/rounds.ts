import type { Clock, Timer } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { MIN_SPACING_MS } from './pace.ts';

export interface RoundsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** One round of looks. */
  readonly look: () => Promise<void>;
}

/** Decides when a round of looks starts: one at a time, not too close together, the earliest wish wins. */
export class Rounds {
  readonly #deps: RoundsDeps;
  #running: Promise<void> | undefined;
  /** A round was asked for while one ran. */
  #again = false;
  #startedAt = Number.NEGATIVE_INFINITY;
  #next: { readonly timer: Timer; readonly due: number } | undefined;
  #stopped = false;

  constructor(deps: RoundsDeps) {
    this.#deps = deps;
  }

  /** When the latest round started (monotonic milliseconds); minus infinity before the first. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** Starts a round now, or right after the one that runs. */
  start(): void {
    this.#cancelNext();
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#startedAt = this.#deps.clock.monotonic();
    this.#running = this.#run();
  }

  /**
   * Plans a round `delayMs` from now, unless one is due sooner anyway.
   *
   * @returns whether it was planned
   */
  plan(delayMs: number): boolean {
    const { clock } = this.#deps;
    const due = clock.monotonic() + delayMs;
    if (this.#stopped || (this.#next !== undefined && this.#next.due <= due)) return false;
    this.#cancelNext();
    this.#next = { due, timer: clock.setTimer(() => this.start(), delayMs) };
    return true;
  }

  /** As `plan`, but not before `spacingMs` have passed since the latest round started. */
  planSpaced(delayMs: number, spacingMs = MIN_SPACING_MS): boolean {
    return this.plan(Math.max(delayMs, this.#startedAt + spacingMs - this.#deps.clock.monotonic()));
  }

  /** Starts no other round. Resolves once the one that runs is over; never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext();
    await this.#running;
  }

  #cancelNext(): void {
    this.#next?.timer.cancel();
    this.#next = undefined;
  }

  #run(): Promise<void> {
    const { look, log } = this.#deps;
    return look()
      .catch((err: unknown) => {
        if (!this.#stopped) log.error({ err }, 'health: a round of looks failed');
      })
      .finally(() => {
        this.#running = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.start();
      });
  }
}
