import type { Logger } from '../core/log.ts';
import { placeText } from '../core/place.ts';
import type { ServerSign } from '../core/server-sign.ts';
import { type HealthReport, VERDICTS } from '../core/status.ts';
import { CarrierJudge } from './carrier-judge.ts';
import { type AskEdge, EdgeView } from './edge-view.ts';
import type { Exposure } from './exposure.ts';
import { type Legs, type LegsOptions, NetworkLegs } from './legs.ts';
import { ListeningWatch } from './listening-watch.ts';
import { isOnlineFor } from './online-check.ts';
import * as pace from './pace.ts';
import { type Dated, toReport } from './report.ts';
import { Rounds } from './rounds.ts';
import { ServerView } from './server-view.ts';
import { meaningOf, type Place, type Sighting } from './sighting.ts';
import { type Judgement, judge } from './verdict.ts';
import { type WatchedSession, watched } from './watched-session.ts';

export interface HealthMonitorOptions extends LegsOptions {
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly log: Logger;
  /** Whether anything but the tunnel can be reached. Asked only when the public leg fails. */
  online(): Promise<boolean>;
  /** Event streams that visitors have open through the public URL. */
  visitorStreams(): number;
  /** After every round of looks, and whenever the verdict changes. */
  onReport(report: HealthReport): void;
  /** The session is no good, and another may be better. */
  onReplace(reason: string): void;
  /** The session must end at once: a request without a token was not refused. */
  onExposed(reason: string): void;
}

const NOT_LOOKED: Judgement = { verdict: 'unknown', cause: 'Not looked at yet.', remedy: '' };
const NO_SESSION: Judgement = { verdict: 'unknown', cause: 'No session is open yet.', remedy: '' };

/**
 * Watches one tunnel: decides when to look, judges what was seen and what traffic shows, and gives
 * reasons. It never acts on them, and it never throws.
 */
export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #legs: Legs;
  readonly #place: Place;
  readonly #stopping = new AbortController();
  readonly #rounds: Rounds;
  readonly #server: ServerView;
  readonly #carrier: CarrierJudge;
  readonly #listening: ListeningWatch;
  #session: WatchedSession | undefined;
  #absence: Judgement | undefined = NO_SESSION;
  #public: Dated | undefined;
  #judgement: Judgement = NOT_LOOKED;
  #since: number;
  #exposed = false;
  #online = true;
  #exposureCheck: Promise<Exposure> | undefined;

  constructor(options: HealthMonitorOptions, legs: Legs = new NetworkLegs(options)) {
    const { upstream, timeoutMs, clock, log } = options;
    this.#options = options;
    this.#legs = legs;
    this.#place = { address: placeText(upstream), path: upstream.path, timeoutMs };
    this.#since = clock.now();
    this.#rounds = new Rounds({ clock, log, look: () => this.#lookRound() });
    this.#server = new ServerView({ clock, path: upstream.path, timeoutMs }, legs);
    this.#carrier = new CarrierJudge(clock, () => options.visitorStreams());
    this.#listening = new ListeningWatch(clock, legs, () => this.#rounds.planSpaced(0));
  }

  get report(): HealthReport {
    return toReport({
      judgement: this.#judgement,
      since: this.#since,
      era: this.#server.era,
      server: this.#server.server,
      local: this.#server.reported,
      public: this.#public,
    });
  }

  /**
   * A session is open at `publicUrl` (without the MCP path): looks at both legs at once.
   *
   * @param askEdge what the provider itself sees, where it can be asked
   */
  sessionOpened(publicUrl: URL, askEdge?: AskEdge): void {
    if (this.#stopped) return;
    this.#leaveSession();
    this.#exposed = false;
    this.#absence = undefined;
    this.#session = watched(publicUrl, this.#now(), new EdgeView(askEdge, this.#options.clock));
    this.#publish();
    this.#rounds.start();
  }

  /** There is no session any more: the local leg alone is watched. */
  sessionClosed(): void {
    if (this.#stopped || this.#session === undefined) return;
    this.#leaveSession();
    this.#absence ??= NO_SESSION;
    this.#publish();
  }

  /** Why no session is open; counts until one is. */
  sessionMissing(why: Judgement): void {
    if (this.#stopped) return;
    this.#absence = why;
    if (this.#session === undefined) this.#publish();
  }

  /** The schedule says it is time for a look. */
  tick(): void {
    const { random, clock } = this.#options;
    const { goodVisitAt } = this.#server;
    const proven = this.#now() - goodVisitAt < pace.TRAFFIC_FRESH_MS && goodVisitAt > this.#rounds.startedAt;
    if (proven && this.#judgement.verdict === 'healthy') {
      const at = clock.now() - (this.#now() - goodVisitAt);
      this.#server.provenAt(at);
      this.#public = { sighting: VISITED, at };
      this.#publish();
      return;
    }
    this.#rounds.planSpaced(random() * pace.TICK_JITTER_MS);
  }

  /** Something looks wrong (or right again): look sooner. */
  wake(reason: string): void {
    if (this.#rounds.planSpaced(pace.WAKE_DEBOUNCE_MS)) {
      this.#options.log.debug({ reason }, 'health: woken');
    }
  }

  /** What a caller's exchange showed of the server: evidence, as good as a probe's, in both directions. */
  noteSign(sign: ServerSign): void {
    if (this.#stopped) return;
    const { word } = this.#server.note(sign);
    if (sign.via === 'provider') this.#carrier.visited();
    if (word === 'good' && !VERDICTS[this.#judgement.verdict].serves) this.wake('a call was answered');
    if (word !== 'bad' && word !== 'slow') return;
    if (this.#rounds.planSpaced(pace.WAKE_DEBOUNCE_MS, pace.SUSPICION_SPACING_MS)) {
      this.#options.log.debug({ word }, 'health: woken by traffic');
    }
  }

  /** Asks without a token now. `unknown` where that could not be asked, or there is no token. */
  checkExposure(): Promise<Exposure> {
    const session = this.#session;
    if (session === undefined || this.#options.token() === undefined) return Promise.resolve('unknown');
    this.#exposureCheck ??= this.#askWithoutToken(session).finally(() => {
      this.#exposureCheck = undefined;
    });
    return this.#exposureCheck;
  }

  /** Ends every look, and the session they hold on the server. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopping.abort();
    this.#leaveSession();
    this.#listening.stop();
    await Promise.all([this.#rounds.stop(), this.#exposureCheck]);
    await this.#legs.close();
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }

  #leaveSession(): void {
    this.#session?.gone.abort();
    this.#session = undefined;
    this.#public = undefined;
  }

  async #lookRound(): Promise<void> {
    const session = this.#session;
    if (await this.#stillNothingListening(session)) return;
    const quiet = session !== undefined && session.quietUntil > this.#now();
    const knewOfStreams = this.#needsStreams;
    const [local, first] = await Promise.all([
      this.#server.look(this.#stopping.signal),
      session === undefined || quiet ? undefined : this.#lookPublic(session),
      quiet || session?.exposure === 'refused' ? undefined : this.checkExposure(),
    ]);
    if (this.#stopped) return;
    this.#server.learn(local, this.#rounds.startedAt);
    // Only now is it known that this server is nothing without event streams: do they come through?
    const again = session !== undefined && first !== undefined && !knewOfStreams && this.#needsStreams;
    const far = again ? await this.#lookPublic(session) : first;
    if (session !== undefined && far !== undefined) await this.#learnPublic(session, far);
    if (this.#stopped) return;
    this.#publish();
    this.#followUp();
  }

  /** While nothing listens, a TCP connect answers for a whole round. */
  async #stillNothingListening(session: WatchedSession | undefined): Promise<boolean> {
    const publicKnown = session === undefined || this.#public !== undefined;
    if (!this.#server.mayJustBeStarting || !publicKnown) return false;
    if (this.#judgement.verdict !== 'server-down') return false;
    if (await this.#legs.listening(this.#stopping.signal)) return false;
    this.#server.unchanged();
    if (!this.#stopped) this.#followUp();
    return true;
  }

  get #needsStreams(): boolean {
    return this.#server.era === 'legacy-sse';
  }

  async #lookPublic(session: WatchedSession): Promise<Sighting | undefined> {
    try {
      return await this.#legs.public(session.publicUrl, session.gone.signal, this.#needsStreams);
    } catch (cause) {
      if (session.gone.signal.aborted) return undefined;
      throw cause;
    }
  }

  async #learnPublic(session: WatchedSession, sighting: Sighting): Promise<void> {
    const meaning = meaningOf(sighting);
    const unseen = meaning === 'carrier' || meaning === 'certificate' || meaning === 'network';
    if (unseen) this.#carrier.unseen(this.#rounds.startedAt);
    const online = unseen ? await this.#askOthers(session) : true;
    // A session that ended meanwhile must not speak for its successor.
    if (session !== this.#session) return;
    this.#online = online;
    this.#public = { sighting, at: this.#options.clock.now() };
    if (meaning === 'alive') this.#carrier.seen();
    if (sighting.finding === 'limited') {
      session.quietUntil = this.#now() + (sighting.retryAfterMs ?? pace.LIMITED_QUIET_MS);
    }
    session.strikes = meaning === 'carrier' && this.#isEvidence(session) ? session.strikes + 1 : 0;
  }

  /** Whether a failure of the public leg can be held against the session. */
  #isEvidence(session: WatchedSession): boolean {
    return this.#online && this.#serverAnswers && !this.#isOpening(session);
  }

  get #serverAnswers(): boolean {
    const { own } = this.#server;
    return own !== undefined && meaningOf(own) !== 'server';
  }

  #isOpening(session: WatchedSession): boolean {
    return this.#now() - session.openedAt < pace.OPENING_GRACE_MS;
  }

  /** Asks whether this machine is online, and what the provider sees. */
  async #askOthers(session: WatchedSession): Promise<boolean> {
    const [online] = await Promise.all([
      isOnlineFor(session.publicUrl, this.#options, this.#stopping.signal),
      this.#carrier.visitedLately
        ? undefined
        : session.edge.refresh(session.gone.signal).catch(() => undefined),
    ]);
    return online;
  }

  async #askWithoutToken(session: WatchedSession): Promise<Exposure> {
    try {
      const exposure = await this.#legs.exposure(session.publicUrl, session.gone.signal);
      if (session !== this.#session) return 'unknown';
      session.exposure = exposure;
    } catch (err) {
      if (!session.gone.signal.aborted) this.#options.log.error({ err }, 'health: an exposure check failed');
      return 'unknown';
    }
    if (session.exposure === 'exposed' && !this.#exposed) {
      this.#exposed = true;
      this.#publish();
      this.#options.onExposed(this.#judgement.cause);
    }
    return session.exposure;
  }

  #publish(): void {
    const previous = this.#judgement.verdict;
    this.#judgement = judge({
      ...this.#server.evidence,
      public: this.#public?.sighting,
      strikes: this.#session?.strikes ?? 0,
      carrier: this.#carrier.view(this.#session),
      online: this.#online,
      exposed: this.#exposed,
      absence: this.#session === undefined ? this.#absence : undefined,
      previous,
      place: this.#place,
    });
    if (this.#judgement.verdict !== previous) this.#since = this.#options.clock.now();
    this.#options.onReport(this.report);
  }

  /** Gives the reason to replace the session, if there is one, and plans the next look. */
  #followUp(): void {
    const session = this.#session;
    const { verdict, cause } = this.#judgement;
    if (session !== undefined && verdict === 'tunnel-down' && this.#carrier.asksToReplace(session)) {
      this.#options.onReplace(cause);
    }
    const far = this.#public?.sighting;
    const open = session !== undefined && far !== undefined && meaningOf(far) === 'carrier';
    const settled = this.#carrier.view(session).kind === 'works';
    const delay = pace.nextLook({
      verdict,
      localFinding: this.#server.own?.finding ?? 'ok',
      opening: open && !settled && this.#isOpening(session),
      strikes: settled ? 0 : (session?.strikes ?? 0),
      exposureOpen:
        session !== undefined && session.exposure === 'unknown' && this.#options.token() !== undefined,
      random: this.#options.random,
    });
    if (delay !== undefined) this.#rounds.plan(delay);
    // Not over TLS: servers log every handshake that breaks off.
    if (!this.#stopped && this.#serverAnswers && this.#options.upstream.protocol === 'http:')
      this.#listening.start();
    else this.#listening.stop();
  }
}

const VISITED: Sighting = { finding: 'ok', basis: 'traffic', detail: 'visitors get through' };
