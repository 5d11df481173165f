import type { Timer } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import type { ServerSign } from '../core/server-sign.ts';
import { type Era, type HealthReport, VERDICTS } from '../core/status.ts';
import { CarrierJudge } from './carrier-judge.ts';
import { withDeadline } from './deadline.ts';
import { type AskEdge, EdgeView } from './edge-view.ts';
import type { Exposure } from './exposure.ts';
import { type Legs, type LegsOptions, NetworkLegs } from './legs.ts';
import { ListeningWatch } from './listening-watch.ts';
import * as pace from './pace.ts';
import { type Dated, toReport } from './report.ts';
import { addressText } from './server-asker.ts';
import { meaningOf, type Place, type Sighting } from './sighting.ts';
import { TrafficEvidence } from './traffic-evidence.ts';
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

/** Asking whether we are online may itself hang when we are not. */
const ONLINE_TIMEOUT_MS = 5_000;

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
  readonly #traffic: TrafficEvidence;
  readonly #carrier: CarrierJudge;
  readonly #listening: ListeningWatch;
  #session: WatchedSession | undefined;
  #absence: Judgement | undefined = NO_SESSION;
  #local: Dated | undefined;
  #public: Dated | undefined;
  #judgement: Judgement = NOT_LOOKED;
  #since: number;
  #era: Era = 'unknown';
  #server: string | undefined;
  #exposed = false;
  #online = true;
  #round: Promise<void> | undefined;
  #roundAgain = false;
  #roundAt = Number.NEGATIVE_INFINITY;
  /** Something went wrong for a caller since the last round. */
  #suspicious = false;
  #next: { readonly timer: Timer; readonly due: number } | undefined;
  #exposureCheck: Promise<Exposure> | undefined;

  constructor(options: HealthMonitorOptions, legs: Legs = new NetworkLegs(options)) {
    const { upstream, timeoutMs, clock } = options;
    this.#options = options;
    this.#legs = legs;
    this.#place = { address: addressText(upstream.host, upstream.port), path: upstream.path, timeoutMs };
    this.#since = clock.now();
    this.#traffic = new TrafficEvidence(upstream.path);
    this.#carrier = new CarrierJudge(clock, () => options.visitorStreams());
    this.#listening = new ListeningWatch(clock, legs, () => this.#schedule(this.#spaced(0)));
  }

  get report(): HealthReport {
    const seen = this.#seenByCallers();
    return toReport({
      judgement: this.#judgement,
      since: this.#since,
      era: this.#era,
      server: this.#server,
      local: seen === undefined ? this.#local : { sighting: seen, at: this.#options.clock.now() },
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
    this.#startRound();
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
    const { goodVisitAt } = this.#traffic;
    const proven = this.#now() - goodVisitAt < pace.TRAFFIC_FRESH_MS && goodVisitAt > this.#roundAt;
    if (proven && this.#judgement.verdict === 'healthy') {
      const at = clock.now() - (this.#now() - goodVisitAt);
      this.#local = { sighting: this.#provenByCallers(), at };
      this.#public = { sighting: VISITED, at };
      this.#publish();
      return;
    }
    this.#schedule(this.#spaced(random() * pace.TICK_JITTER_MS));
  }

  /** Something looks wrong (or right again): look sooner. */
  wake(reason: string): void {
    if (this.#schedule(this.#spaced(pace.WAKE_DEBOUNCE_MS))) {
      this.#options.log.debug({ reason }, 'health: woken');
    }
  }

  /** What a caller's exchange showed of the server: evidence, as good as a probe's, in both directions. */
  noteSign(sign: ServerSign): void {
    if (this.#stopped) return;
    this.#legs.learn(sign);
    const { word } = this.#traffic.note(sign, this.#now(), this.#era === 'legacy-sse');
    if (sign.via === 'provider') this.#carrier.visited();
    if (word === 'good' && !VERDICTS[this.#judgement.verdict].serves) this.wake('a call was answered');
    if (word !== 'bad' && word !== 'slow') return;
    this.#suspicious = true;
    const soon = Math.max(pace.WAKE_DEBOUNCE_MS, this.#roundAt + pace.SUSPICION_SPACING_MS - this.#now());
    if (this.#schedule(soon)) this.#options.log.debug({ word }, 'health: woken by traffic');
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
    this.#next?.timer.cancel();
    this.#listening.stop();
    await Promise.all([this.#round, this.#exposureCheck]);
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

  /** Never closer to the last round than the minimum, counted from now. */
  #spaced(delayMs: number): number {
    return Math.max(delayMs, this.#roundAt + pace.MIN_SPACING_MS - this.#now());
  }

  /** Plans a round, unless one is due sooner anyway. */
  #schedule(delayMs: number): boolean {
    const due = this.#now() + delayMs;
    if (this.#stopped || (this.#next !== undefined && this.#next.due <= due)) return false;
    this.#next?.timer.cancel();
    this.#next = { due, timer: this.#options.clock.setTimer(() => this.#startRound(), delayMs) };
    return true;
  }

  #startRound(): void {
    this.#next?.timer.cancel();
    this.#next = undefined;
    if (this.#stopped) return;
    if (this.#round !== undefined) {
      this.#roundAgain = true;
      return;
    }
    this.#roundAt = this.#now();
    this.#round = this.#lookRound()
      .catch((err: unknown) => {
        if (!this.#stopped) this.#options.log.error({ err }, 'health: a round of looks failed');
      })
      .finally(() => {
        this.#round = undefined;
        if (this.#roundAgain) {
          this.#roundAgain = false;
          this.#startRound();
        }
      });
  }

  async #lookRound(): Promise<void> {
    const session = this.#session;
    if (await this.#stillNothingListening(session)) return;
    const quiet = session !== undefined && session.quietUntil > this.#now();
    const [local, far] = await Promise.all([
      this.#lookLocal(),
      session === undefined || quiet ? undefined : this.#lookPublic(session),
      quiet || session?.exposure === 'refused' ? undefined : this.checkExposure(),
    ]);
    if (this.#stopped) return;
    this.#learnLocal(local);
    if (session !== undefined && far !== undefined) await this.#learnPublic(session, far);
    if (this.#stopped) return;
    this.#publish();
    this.#followUp();
  }

  /** While nothing listens, a TCP connect answers for a whole round. */
  async #stillNothingListening(session: WatchedSession | undefined): Promise<boolean> {
    const known = this.#local?.sighting;
    const publicKnown = session === undefined || this.#public !== undefined;
    if (known === undefined || !pace.mayJustBeStarting(known.finding) || !publicKnown) return false;
    if (this.#judgement.verdict !== 'server-down') return false;
    if (await this.#legs.listening(this.#stopping.signal)) return false;
    this.#local = { sighting: known, at: this.#options.clock.now() };
    if (!this.#stopped) this.#followUp();
    return true;
  }

  /** What callers just got needs not be asked for again. */
  #lookLocal(): Promise<Sighting> {
    const suspicious = this.#suspicious;
    this.#suspicious = false;
    const alive = this.#local !== undefined && meaningOf(this.#local.sighting) === 'alive';
    const fresh = this.#now() - this.#traffic.goodAt < pace.TRAFFIC_FRESH_MS;
    if (alive && fresh && !suspicious) return Promise.resolve(this.#provenByCallers());
    return this.#legs.local(this.#stopping.signal, suspicious || !alive);
  }

  #provenByCallers(): Sighting {
    return { finding: 'ok', basis: 'traffic', detail: 'callers get their answers' };
  }

  async #lookPublic(session: WatchedSession): Promise<Sighting | undefined> {
    try {
      return await this.#legs.public(session.publicUrl, session.gone.signal, this.#era === 'legacy-sse');
    } catch (cause) {
      if (session.gone.signal.aborted) return undefined;
      throw cause;
    }
  }

  #learnLocal(sighting: Sighting): void {
    const before = this.#local?.sighting;
    const wasAway = before !== undefined && meaningOf(before) === 'server';
    if (wasAway && meaningOf(sighting) !== 'server') {
      this.#legs.forget(pace.mayJustBeStarting(before.finding));
      this.#traffic.forget();
      this.#server = undefined;
    }
    this.#local = { sighting, at: this.#options.clock.now() };
    this.#era = sighting.era ?? this.#era;
    this.#server = sighting.server ?? this.#server;
    const { timeoutMs } = this.#options;
    if (sighting.finding !== 'timeout' || this.#traffic.goodAt < this.#roundAt + timeoutMs / 2) return;
    // A caller got an answer while we waited for ours: it leaves unanswered what it does not know.
    this.#legs.trustCallers();
    this.#local = { sighting: this.#provenByCallers(), at: this.#options.clock.now() };
  }

  async #learnPublic(session: WatchedSession, sighting: Sighting): Promise<void> {
    const meaning = meaningOf(sighting);
    const unseen = meaning === 'carrier' || meaning === 'certificate' || meaning === 'network';
    if (unseen) this.#carrier.unseen(this.#roundAt);
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
    const answering = this.#local !== undefined && meaningOf(this.#local.sighting) !== 'server';
    return this.#online && answering && !this.#isOpening(session);
  }

  #isOpening(session: WatchedSession): boolean {
    return this.#now() - session.openedAt < pace.OPENING_GRACE_MS;
  }

  /** Asks whether this machine is online, and what the provider sees. */
  async #askOthers(session: WatchedSession): Promise<boolean> {
    const [online] = await Promise.all([
      this.#askOnline(session),
      this.#carrier.visitedLately
        ? undefined
        : session.edge.refresh(session.gone.signal).catch(() => undefined),
    ]);
    return online;
  }

  async #askOnline({ publicUrl }: WatchedSession): Promise<boolean> {
    // A relay on this machine needs no network.
    if (isLoopbackHost(publicUrl.hostname)) return true;
    const { clock, online } = this.#options;
    const signal = this.#stopping.signal;
    try {
      return await withDeadline(clock, ONLINE_TIMEOUT_MS, signal, (deadline) =>
        Promise.race([online(), rejection(deadline)]),
      );
    } catch {
      // Not knowing must not look like an outage: that would keep a dead session for ever.
      return true;
    }
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

  /** What callers met, where it says otherwise than our own look; undefined where it does not. */
  #seenByCallers(): Sighting | undefined {
    const view = this.#traffic.view(this.#now());
    if (view !== undefined) return view.share === 'all' ? view.sighting : undefined;
    const own = this.#local?.sighting;
    if (own === undefined || own.finding === 'timeout' || pace.mayJustBeStarting(own.finding))
      return undefined;
    const overruled = meaningOf(own) !== 'alive' && meaningOf(own) !== 'machine';
    const fresh = this.#now() - this.#traffic.goodAt < pace.GOOD_NEWS_MS;
    return overruled && fresh ? this.#provenByCallers() : undefined;
  }

  #publish(): void {
    const previous = this.#judgement.verdict;
    const view = this.#traffic.view(this.#now());
    const overruled = view === undefined ? this.#seenByCallers() : undefined;
    this.#judgement = judge({
      local: overruled ?? this.#local?.sighting,
      public: this.#public?.sighting,
      traffic: view,
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
      localFinding: this.#local?.sighting.finding ?? 'ok',
      opening: open && !settled && this.#isOpening(session),
      strikes: settled ? 0 : (session?.strikes ?? 0),
      exposureOpen:
        session !== undefined && session.exposure === 'unknown' && this.#options.token() !== undefined,
      random: this.#options.random,
    });
    if (delay !== undefined) this.#schedule(delay);
    const sighting = this.#local?.sighting;
    const answers = sighting !== undefined && meaningOf(sighting) !== 'server';
    // Not over TLS: servers log every handshake that breaks off.
    if (!this.#stopped && answers && this.#options.upstream.protocol === 'http:') this.#listening.start();
    else this.#listening.stop();
  }
}

const VISITED: Sighting = { finding: 'ok', basis: 'traffic', detail: 'visitors get through' };

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
