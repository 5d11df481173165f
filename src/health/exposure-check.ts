import type { Logger } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { Exposure } from './exposure.ts';
import type { Legs } from './legs.ts';
import type { WatchedSession } from './watched-session.ts';

export interface ExposureCheckOptions {
  readonly legs: Pick<Legs, 'exposure'>;
  readonly log: Logger;
  /** The token that callers need; without one there is nothing to check. */
  token(): Secret | undefined;
  /** Whether the session is still the one that is watched. */
  isWatched(session: WatchedSession): boolean;
  /** Called once for each session whose edge let a request without a token through. */
  onExposed(): void;
}

/** Asks through the public URL without a token, one request at a time, and keeps what came of it with the session. */
export class ExposureCheck {
  readonly #options: ExposureCheckOptions;
  #running: Promise<Exposure> | undefined;
  #exposed = false;

  constructor(options: ExposureCheckOptions) {
    this.#options = options;
  }

  /** The session is exposed. */
  get exposed(): boolean {
    return this.#exposed;
  }

  /** Another session opened, of which nothing is known. */
  reset(): void {
    this.#exposed = false;
  }

  /** Asks now, unless it is being asked. `unknown` where that cannot be asked, or there is no token. Never rejects. */
  run(session: WatchedSession | undefined): Promise<Exposure> {
    if (session === undefined || this.#options.token() === undefined) return Promise.resolve('unknown');
    this.#running ??= this.#ask(session).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** It is to be asked again: a token is needed, and it is not known whether the edge refuses requests without it. */
  isOpenFor(session: WatchedSession | undefined): boolean {
    return session?.exposure === 'unknown' && this.#options.token() !== undefined;
  }

  /** Resolves when no request is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #ask(session: WatchedSession): Promise<Exposure> {
    const { legs, log, isWatched, onExposed } = this.#options;
    try {
      const exposure = await legs.exposure(session.publicUrl, session.gone.signal);
      if (!isWatched(session)) return 'unknown';
      session.exposure = exposure;
    } catch (err) {
      if (!session.gone.signal.aborted) log.error({ err }, 'health: an exposure check failed');
      return 'unknown';
    }
    if (session.exposure === 'exposed' && !this.#exposed) {
      this.#exposed = true;
      onExposed();
    }
    return session.exposure;
  }
}
