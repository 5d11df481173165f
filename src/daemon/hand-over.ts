import type { Clock, Timer } from '../core/clock.ts';
import type { TunnelSession } from '../providers/provider.ts';

/** A session whose successor serves may take this long to finish what it carries (milliseconds). */
const RETIRE_MS = 12_000;

/**
 * Replacing a session before it is closed, where the provider lets two overlap: its successor is opened
 * while it serves, and it is closed once it has finished what it carries.
 */
export class HandOver {
  readonly #clock: Clock;
  #underWay = false;
  #wait: Timer | undefined;
  /** Sessions whose successor serves, with what closes them at once. */
  readonly #retiring = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A successor is awaited: its attempt is due or under way. The session it replaces may have ended. */
  get underWay(): boolean {
    return this.#underWay;
  }

  /** @param open begins the attempt, after `delayMs` */
  begin(delayMs: number, open: () => void): void {
    this.#underWay = true;
    this.#wait = this.#clock.setTimer(() => {
      this.#wait = undefined;
      open();
    }, delayMs);
  }

  /** Ends the wait before the attempt. False when none waits: the attempt is under way already. */
  endWait(): boolean {
    const waited = this.#wait !== undefined;
    this.#wait?.cancel();
    this.#wait = undefined;
    return waited;
  }

  /** The attempt came to an end, good or bad. */
  done(): void {
    this.#underWay = false;
  }

  /** Its successor serves: `session` gets `RETIRE_MS` to finish, then `close` is called. */
  retire(session: TunnelSession, close: () => void): void {
    const end = () => {
      if (!this.#retiring.delete(end)) return;
      timer.cancel();
      close();
    };
    const timer = this.#clock.setTimer(end, RETIRE_MS);
    this.#retiring.add(end);
    session.closed.then(end, end);
  }

  /** No successor is wanted any more, and what was replaced ends now. */
  cancel(): void {
    this.endWait();
    this.#underWay = false;
    for (const end of [...this.#retiring]) end();
  }
}
