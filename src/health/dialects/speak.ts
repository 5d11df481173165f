import type { Clock } from '../../core/clock.ts';
import type { Sighting } from '../sighting.ts';
import { meaningOf } from '../sighting.ts';
import type { AskLeg } from './dialect.ts';
import { discover } from './discover.ts';
import { findPath } from './find-path.ts';
import { KeptSession } from './kept-session.ts';
import { legacySse } from './legacy-sse.ts';
import { plainHttp } from './plain-http.ts';

/** How to probe: `health.probe` in the configuration. */
export type ProbeMode = 'auto' | 'discover' | 'initialize' | 'http' | 'tcp';

/** A server that changed its transport without us noticing a restart is seen again after this. */
const ERA_MAX_AGE_MS = 24 * 60 * 60_000;

/**
 * Speaks to a server in its own dialect, over either leg.
 *
 * `auto` never sends `initialize`: a server with one session in all would give it to the probe, and
 * nothing could give it back. `server/discover` proves every era alive without making a session;
 * who wants the deeper check asks for it with `health.probe: initialize`.
 */
export class Speaker {
  readonly #mode: ProbeMode;
  readonly #clock: Clock;
  readonly #session = new KeptSession();
  #sseSeenAt: number | undefined;
  #lookedForPath: { readonly found: string | undefined } | undefined;

  constructor(mode: ProbeMode, clock: Clock) {
    this.#mode = mode;
    this.#clock = clock;
  }

  /** Over the local leg, which alone may change what we know and hold. */
  async local(ask: AskLeg): Promise<Sighting> {
    if (this.#mode === 'initialize') return this.#session.probe(ask);
    const sighting = await this.#speak(ask);
    return sighting.finding === 'wrong-path' ? this.#withRightPath(sighting, ask) : sighting;
  }

  public(ask: AskLeg): Promise<Sighting> {
    if (this.#mode === 'initialize') return this.#session.probeOnly(ask);
    return this.#speak(ask);
  }

  /** The server was away: what comes back may be another one. */
  forget(): void {
    this.#sseSeenAt = undefined;
    this.#lookedForPath = undefined;
  }

  /** Ends what we hold on the server. */
  end(ask: AskLeg): Promise<void> {
    return this.#session.end(ask);
  }

  #speak(ask: AskLeg): Promise<Sighting> {
    if (this.#mode === 'http') return plainHttp(ask);
    if (this.#mode === 'discover') return discover(ask);
    return this.#findOut(ask);
  }

  async #findOut(ask: AskLeg): Promise<Sighting> {
    if (this.#knowsSse()) {
      const sighting = await legacySse(ask);
      if (meaningOf(sighting) !== 'config' || sighting.finding === 'no-stream') return sighting;
      this.#sseSeenAt = undefined;
    }
    const discovered = await discover(ask);
    // A legacy SSE endpoint knows no POST at all, so it looks like a wrong path at first.
    if (discovered.finding !== 'wrong-path') return discovered;
    const sse = await legacySse(ask);
    if (sse.finding === 'no-stream') return sse;
    if (sse.era !== 'legacy-sse') return discovered;
    this.#sseSeenAt = this.#clock.monotonic();
    return sse;
  }

  /** Knowing the right path is worth a few requests, once. */
  async #withRightPath(sighting: Sighting, ask: AskLeg): Promise<Sighting> {
    this.#lookedForPath ??= { found: await findPath(ask) };
    const { found } = this.#lookedForPath;
    if (found === undefined) return sighting;
    return {
      ...sighting,
      detail: `${sighting.detail}, but it does at ${found}`,
      remedy: `Use --path ${found}.`,
    };
  }

  #knowsSse(): boolean {
    return this.#sseSeenAt !== undefined && this.#clock.monotonic() - this.#sseSeenAt < ERA_MAX_AGE_MS;
  }
}
