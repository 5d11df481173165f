import type { Clock } from '../../core/clock.ts';
import { type CheckAnswer, decodeQuestion } from '../link/link-check.ts';

/** One look at a time for each link, and no sooner after the last than this (milliseconds). */
const SPACING_MS = 1_000;

/** Answers the CHECKs of one link, so that asking costs the relay next to nothing. */
export class CheckDesk {
  readonly #clock: Clock;
  readonly #look: (nonce: string) => Promise<CheckAnswer>;
  readonly #reply: (answer: CheckAnswer) => void;
  #busy = false;
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(
    clock: Clock,
    look: (nonce: string) => Promise<CheckAnswer>,
    reply: (answer: CheckAnswer) => void,
  ) {
    this.#clock = clock;
    this.#look = look;
    this.#reply = reply;
  }

  /** @throws {LinkError} `protocol` */
  ask(payload: Buffer): void {
    const { nonce } = decodeQuestion(payload);
    const now = this.#clock.monotonic();
    if (this.#busy || now < this.#nextAt) {
      this.#reply({ nonce, proven: false, refused: true, detail: 'asked too often' });
      return;
    }
    this.#busy = true;
    this.#nextAt = now + SPACING_MS;
    void this.#look(nonce).then((answer) => {
      this.#busy = false;
      this.#reply(answer);
    });
  }
}
