import type { Clock, Timer } from '../core/clock.ts';
import { messageOf } from '../core/error-message.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { ReportedError } from '../core/status.ts';
import { type BackoffPolicy, backoffDelayMs, DEFAULT_BACKOFF } from './backoff.ts';

export interface FailuresDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly backoff?: BackoffPolicy;
}

/**
 * The failures of a tunnel since it last worked: how many, the last one for the status, and how long
 * they make the next attempt wait. They are forgotten after a minute of a working session without a
 * break, not when a session opens.
 */
export class Failures {
  readonly #deps: FailuresDeps;
  readonly #backoff: BackoffPolicy;
  #count = 0;
  #last: ReportedError | undefined;
  #working: Timer | undefined;

  constructor(deps: FailuresDeps) {
    this.#deps = deps;
    this.#backoff = deps.backoff ?? DEFAULT_BACKOFF;
  }

  get count(): number {
    return this.#count;
  }

  get last(): ReportedError | undefined {
    return this.#last;
  }

  /** A session that lived this long worked (milliseconds). */
  get resetAfterMs(): number {
    return this.#backoff.resetAfterMs;
  }

  /** Full jitter below a ceiling that doubles with each failure (milliseconds). */
  delayMs(): number {
    return backoffDelayMs(Math.max(0, this.#count - 1), this.#backoff, this.#deps.random);
  }

  add(): void {
    this.#count += 1;
  }

  forget(): void {
    this.#count = 0;
    this.#last = undefined;
  }

  /** What kept the session from opening is over. The count stays until the session has worked. */
  opened(): void {
    this.#last = undefined;
  }

  /** Whether the live session is seen to work now; false without one. */
  noteWorking(works: boolean): void {
    if (works) {
      this.#working ??= this.#deps.clock.setTimer(() => {
        this.#working = undefined;
        this.forget();
      }, this.#backoff.resetAfterMs);
    } else {
      this.#working?.cancel();
      this.#working = undefined;
    }
  }

  /** Keeps the failure for the status. Anything but a `TunneldError` is a bug and is logged with its stack. */
  report(error: unknown): ReportedError {
    const { clock, log } = this.#deps;
    const known = error instanceof TunneldError;
    if (!known) log.error({ err: error }, 'unexpected failure while supervising a tunnel');
    const { code, message, remedy } = known
      ? error
      : new TunneldError('INTERNAL', `Unexpected failure: ${messageOf(error)}`);
    this.#last = { code, message, remedy, at: clock.now() };
    return this.#last;
  }
}
