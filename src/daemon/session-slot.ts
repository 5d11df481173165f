import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/error-message.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { lost, type SessionEnd } from '../core/session-end.ts';
import type { OpenRequest, TunnelProvider, TunnelSession } from '../providers/provider.ts';
import type { LiveSession } from './live-session.ts';
import { closeSession, openSession } from './open-session.ts';

/** The live session with what only the supervisor needs. */
export interface HeldSession extends LiveSession {
  readonly session: TunnelSession;
  readonly openedMonotonic: number;
}

export interface SessionSlotDeps {
  readonly provider: TunnelProvider;
  readonly request: OpenRequest;
  readonly clock: Clock;
  readonly log: Logger;
  /** What an attempt is busy with changed. */
  readonly onProgress?: () => void;
}

export interface SessionSlotEvents {
  /** @param before the session whose place the new one takes, if one still lives */
  readonly onOpened: (held: HeldSession, before: HeldSession | undefined) => void;
  readonly onOpenFailed: (error: unknown) => void;
  /** The live session ended, and not by our doing. It is still held. */
  readonly onEnded: (error: TunneldError) => void;
  /** What was being closed or aborted is gone, or counted as gone; nothing else is on its way. */
  readonly onIdle: () => void;
}

/**
 * The place of a tunnel's session: the live one, the attempt to open the next, and what is still being
 * closed. Opening and closing are bounded in time; what a session says after it was released is dropped.
 */
export class SessionSlot {
  readonly #deps: SessionSlotDeps;
  readonly #events: SessionSlotEvents;
  #generation = 0;
  #held: HeldSession | undefined;
  #ended = false;
  #lastPublicUrl: URL | undefined;
  #attempt: AbortController | undefined;
  #progress: string | undefined;
  /** Sessions that are being closed. */
  #closing = 0;

  constructor(deps: SessionSlotDeps, events: SessionSlotEvents) {
    this.#deps = deps;
    this.#events = events;
  }

  get held(): HeldSession | undefined {
    return this.#held;
  }

  /** Public URL of the live session, or of the last one. */
  get publicUrl(): URL | undefined {
    return this.#held?.publicUrl ?? this.#lastPublicUrl;
  }

  /** Whether the live session still carries anything: it may have ended, and be held until it is released. */
  get alive(): boolean {
    return this.#held !== undefined && !this.#ended;
  }

  /** How long the live session has lived (milliseconds); 0 without one. */
  get aliveMs(): number {
    return this.#held === undefined ? 0 : this.#deps.clock.monotonic() - this.#held.openedMonotonic;
  }

  /** What the attempt under way is busy with, if it takes long. */
  get progress(): string | undefined {
    return this.#progress;
  }

  /** Nothing is being opened or closed. */
  get idle(): boolean {
    return this.#attempt === undefined && this.#closing === 0;
  }

  /** @param insists the user asked for it here and now */
  open({ insists = false }: { insists?: boolean } = {}): void {
    const { provider, request, clock, log } = this.#deps;
    const attempt = new AbortController();
    this.#attempt = attempt;
    const onProgress = (step: string) => {
      if (this.#attempt !== attempt || this.#progress === step) return;
      this.#progress = step;
      this.#deps.onProgress?.();
    };
    const deps = { clock, log, signal: attempt.signal, insists, onProgress };
    void openSession(provider, request, deps).then((outcome) => {
      this.#attempt = undefined;
      this.#progress = undefined;
      if (attempt.signal.aborted) {
        // Aborted between the session's opening and this line: it must not live on unseen.
        if (outcome.kind === 'opened') this.close(outcome.session);
        else this.#settled();
      } else if (outcome.kind === 'opened') this.#opened(outcome.session);
      else if (outcome.kind === 'failed') this.#events.onOpenFailed(outcome.error);
    });
  }

  /** Gives up the attempt under way, if there is one. */
  abort(reason: string): void {
    this.#attempt?.abort(new Error(reason));
  }

  /** Takes the live session out, without closing it. */
  take(): TunnelSession | undefined {
    const session = this.#held?.session;
    this.#held = undefined;
    return session;
  }

  close(session: TunnelSession): void {
    const { clock, log } = this.#deps;
    this.#closing += 1;
    void closeSession(session, clock, log).then(() => {
      this.#closing -= 1;
      this.#settled();
    });
  }

  #opened(session: TunnelSession): void {
    const { clock } = this.#deps;
    const before = this.#held;
    this.#generation += 1;
    const held: HeldSession = {
      generation: this.#generation,
      publicUrl: session.publicUrl,
      openedAt: clock.now(),
      expiresAt: session.expiresAt,
      get notes() {
        return session.notes;
      },
      askEdge: session.checkFromEdge?.bind(session),
      session,
      openedMonotonic: clock.monotonic(),
    };
    this.#held = held;
    this.#ended = false;
    this.#lastPublicUrl = held.publicUrl;
    const ended = (end: SessionEnd) => {
      // Of a session that was released already its end is our own doing, or too late.
      if (this.#held !== held) return;
      this.#ended = true;
      this.#events.onEnded(errorOf(end));
    };
    session.closed.then(ended, (error: unknown) => ended(lost(messageOf(error))));
    this.#events.onOpened(held, before);
  }

  #settled(): void {
    if (this.idle) this.#events.onIdle();
  }
}

function errorOf(end: SessionEnd): TunneldError {
  if (end.reason === 'ended') return end.error;
  return new TunneldError('SESSION_LOST', 'The provider closed it by itself');
}
