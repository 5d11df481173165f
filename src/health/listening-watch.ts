import type { Clock, Timer } from '../core/clock.ts';
import type { Legs } from './legs.ts';
import { LISTENING_CHECK_MS } from './pace.ts';

/** Between looks a TCP connect suffices: a server that was stopped must not seem well until the next one. */
export class ListeningWatch {
  readonly #clock: Clock;
  readonly #legs: Pick<Legs, 'listening'>;
  readonly #onGone: () => void;
  readonly #stopping = new AbortController();
  #timer: Timer | undefined;

  /** @param onGone called when nothing listens any more */
  constructor(clock: Clock, legs: Pick<Legs, 'listening'>, onGone: () => void) {
    this.#clock = clock;
    this.#legs = legs;
    this.#onGone = onGone;
  }

  /** Looks from now on, until stopped or started anew. */
  start(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(() => void this.#look(), LISTENING_CHECK_MS);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const timer = this.#timer;
    const listening = await this.#legs.listening(this.#stopping.signal).catch(() => true);
    // Stopped, or started anew, while it looked.
    if (timer === undefined || timer !== this.#timer) return;
    if (!listening) this.#onGone();
    this.start();
  }
}
