import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { HttpSession } from './http-session.ts';

export interface SessionsOptions {
  /** A session that nobody used for this long is over (milliseconds). */
  readonly idleMs: number;
  readonly mostWaiting: number;
  readonly clock: Clock;
  readonly onStray: () => void;
}

const MOST_OPEN = 10_000;
/** Why sessions ended, for clients that come back to one. */
const MOST_REMEMBERED = 256;

/** The sessions of Streamable HTTP that are open. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #open = new Map<string, HttpSession>();
  readonly #ended = new Map<string, TunneldError>();
  #sweeper: Timer | undefined;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  open(): HttpSession {
    const { mostWaiting, clock, onStray, idleMs } = this.#options;
    if (this.#open.size >= MOST_OPEN) this.endIdlest();
    const session = new HttpSession({ id: randomUUID(), mostWaiting, clock, onStray });
    this.#open.set(session.id, session);
    this.#sweeper ??= clock.setTimer(() => this.#sweep(), Math.max(50, idleMs / 10));
    return session;
  }

  /** The session, or why it ended; undefined for one that never was. */
  find(id: string): HttpSession | TunneldError | undefined {
    const session = this.#open.get(id);
    if (session?.ended !== undefined) this.#forget(session);
    return session?.ended ?? session ?? this.#ended.get(id);
  }

  end(session: HttpSession, why: TunneldError): void {
    session.end(why);
    this.#forget(session);
  }

  /** Ends the session that was idle longest, to make room. */
  endIdlest(): void {
    const idle = [...this.#open.values()].filter(({ idleSince }) => idleSince !== undefined);
    const [oldest] = idle.sort((a, b) => (a.idleSince ?? 0) - (b.idleSince ?? 0));
    if (oldest !== undefined) this.end(oldest, ended('another client needed its place'));
  }

  close(): void {
    this.#sweeper?.cancel();
    for (const session of this.#open.values()) session.end(ended('the tunnel was closed'));
    this.#open.clear();
  }

  #forget(session: HttpSession): void {
    if (!this.#open.delete(session.id) || session.ended === undefined) return;
    this.#ended.set(session.id, session.ended);
    const [first] = this.#ended.keys();
    if (this.#ended.size > MOST_REMEMBERED && first !== undefined) this.#ended.delete(first);
  }

  #sweep(): void {
    const { clock, idleMs } = this.#options;
    for (const session of this.#open.values()) {
      const { idleSince } = session;
      if (session.ended !== undefined) this.#forget(session);
      else if (idleSince !== undefined && clock.monotonic() - idleSince >= idleMs) {
        this.end(session, ended('nobody used it for a while'));
      }
    }
    this.#sweeper =
      this.#open.size > 0 ? clock.setTimer(() => this.#sweep(), Math.max(50, idleMs / 10)) : undefined;
  }
}

function ended(why: string): TunneldError {
  return new TunneldError('SESSION_ENDED', `The session was ended: ${why}`);
}
