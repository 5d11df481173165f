import type { CarrierJudge } from './carrier-judge.ts';
import type { Legs } from './legs.ts';
import { isOnlineFor, type OnlineCheckDeps } from './online-check.ts';
import * as pace from './pace.ts';
import { meaningOf, type ProbeResult } from './probe-result.ts';
import type { Dated } from './report.ts';
import type { WatchedSession } from './watched-session.ts';

export interface PublicViewOptions extends OnlineCheckDeps {
  readonly legs: Pick<Legs, 'public'>;
  readonly carrier: CarrierJudge;
  /** Whether the session is still the one that is watched. */
  isWatched(session: WatchedSession): boolean;
  /** The server is known to take requests, so that a failure is not its own. */
  serverAnswers(): boolean;
  /** Aborted when nothing is watched any more. */
  readonly stopping: AbortSignal;
}

/** What is known of the public leg of the session that is watched. */
export class PublicView {
  readonly #options: PublicViewOptions;
  #seen: Dated | undefined;
  #online = true;

  constructor(options: PublicViewOptions) {
    this.#options = options;
  }

  /** Undefined until the leg was looked at. */
  get seen(): Dated | undefined {
    return this.#seen;
  }

  /** This machine was online at the last look. */
  get online(): boolean {
    return this.#online;
  }

  /** The session is gone, and what was seen of it with it. */
  forget(): void {
    this.#seen = undefined;
  }

  /** Visitors got through. @param at Unix milliseconds */
  provenAt(at: number): void {
    this.#seen = { result: VISITED, at };
  }

  /** @returns undefined when the session ended meanwhile */
  async look(session: WatchedSession, needsStreams: boolean): Promise<ProbeResult | undefined> {
    try {
      return await this.#options.legs.public(session.publicUrl, session.gone.signal, needsStreams);
    } catch (cause) {
      if (session.gone.signal.aborted) return undefined;
      throw cause;
    }
  }

  /** Takes in what a look saw, after asking others where the leg fails. @param startedAt of the look, monotonic */
  async learn(session: WatchedSession, result: ProbeResult, startedAt: number): Promise<void> {
    const { carrier, clock, isWatched, serverAnswers } = this.#options;
    const meaning = meaningOf(result);
    const unseen = meaning === 'carrier' || meaning === 'certificate' || meaning === 'network';
    if (unseen) carrier.unseen(startedAt);
    const online = unseen ? await this.#askOthers(session) : true;
    // A session that ended meanwhile must not speak for its successor.
    if (!isWatched(session)) return;
    this.#online = online;
    this.#seen = { result, at: clock.now() };
    if (meaning === 'alive') carrier.seen();
    if (result.finding === 'limited') {
      session.quietUntil = clock.monotonic() + (result.retryAfterMs ?? pace.LIMITED_QUIET_MS);
    }
    const isEvidence = online && serverAnswers() && !this.isOpening(session);
    session.strikes = meaning === 'carrier' && isEvidence ? session.strikes + 1 : 0;
  }

  /** It opened a moment ago: its edge may not know it everywhere yet. */
  isOpening(session: WatchedSession): boolean {
    return this.#options.clock.monotonic() - session.openedAt < pace.OPENING_GRACE_MS;
  }

  /** Asks whether this machine is online, and what the provider sees. */
  async #askOthers(session: WatchedSession): Promise<boolean> {
    const { carrier, stopping } = this.#options;
    const [online] = await Promise.all([
      isOnlineFor(session.publicUrl, this.#options, stopping),
      carrier.visitedLately ? undefined : session.edge.refresh(session.gone.signal).catch(() => undefined),
    ]);
    return online;
  }
}

const VISITED: ProbeResult = { finding: 'ok', basis: 'traffic', detail: 'visitors get through' };
