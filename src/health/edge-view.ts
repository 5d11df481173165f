import type { Clock } from '../core/clock.ts';
import type { EdgeCheck } from '../core/edge-check.ts';
import { withDeadline } from './deadline.ts';

/** Absent where a provider has no such question. */
export type AskEdge = (signal: AbortSignal) => Promise<EdgeCheck>;

/** An edge that looks at itself needs no longer (milliseconds). */
const TIMEOUT_MS = 8_000;
/** How long its word counts: good news longer than bad (milliseconds). */
const REACHED_MS = 60_000;
const OTHER_MS = 4_000;

const NOT_ASKED: EdgeCheck = { kind: 'unknown', detail: 'the provider cannot be asked what it sees' };

/** The provider's own view of one session, asked for no more often than needed. */
export class EdgeView {
  readonly #ask: AskEdge | undefined;
  readonly #clock: Clock;
  #last: EdgeCheck = NOT_ASKED;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(ask: AskEdge | undefined, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  get last(): EdgeCheck {
    return this.#last;
  }

  /** Asks, if the last word is too old. Rejects only when `signal` aborts. */
  async refresh(signal: AbortSignal): Promise<void> {
    const ask = this.#ask;
    const age = this.#clock.monotonic() - this.#askedAt;
    if (ask === undefined || age < (this.#last.kind === 'reached' ? REACHED_MS : OTHER_MS)) return;
    this.#last = await withDeadline(this.#clock, TIMEOUT_MS, signal, ask).catch(
      (cause: unknown): EdgeCheck => {
        if (signal.aborted) throw cause;
        return { kind: 'unknown', detail: 'the provider did not say in time what it sees' };
      },
    );
    this.#askedAt = this.#clock.monotonic();
  }
}
