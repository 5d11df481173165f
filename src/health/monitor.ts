import { placeText } from '../core/place.ts';
import type { ServerSign } from '../core/server-sign.ts';
import { type HealthReport, VERDICTS } from '../core/status.ts';
import { CarrierJudge } from './carrier-judge.ts';
import { type AskEdge, EdgeView } from './edge-view.ts';
import type { Exposure } from './exposure.ts';
import { ExposureCheck } from './exposure-check.ts';
import { type Legs, NetworkLegs } from './legs.ts';
import { ListeningWatch } from './listening-watch.ts';
import type { HealthMonitorOptions } from './monitor-options.ts';
import * as pace from './pace.ts';
import { meaningOf, type Place } from './probe-result.ts';
import { PublicView } from './public-view.ts';
import { toReport } from './report.ts';
import { Rounds } from './rounds.ts';
import { ServerView } from './server-view.ts';
import { type Judgement, judge } from './verdict.ts';
import { type WatchedSession, watched } from './watched-session.ts';

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
  readonly #public: PublicView;
  readonly #exposure: ExposureCheck;
  #session: WatchedSession | undefined;
  #absence: Judgement | undefined = NO_SESSION;
  #judgement: Judgement = NOT_LOOKED;
  #since: number;

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
    const isWatched = (session: WatchedSession) => session === this.#session;
    this.#public = new PublicView({
      clock,
      legs,
      carrier: this.#carrier,
      online: () => options.online(),
      isWatched,
      serverAnswers: () => this.#serverAnswers,
      stopping: this.#stopping.signal,
    });
    this.#exposure = new ExposureCheck({
      legs,
      log,
      token: () => options.token(),
      isWatched,
      onExposed: () => {
        this.#publish();
        options.onExposed(this.#judgement.cause);
      },
    });
  }

  get report(): HealthReport {
    return toReport({
      judgement: this.#judgement,
      since: this.#since,
      era: this.#server.era,
      server: this.#server.server,
      local: this.#server.reported,
      public: this.#public.seen,
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
    this.#exposure.reset();
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
      this.#public.provenAt(at);
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
    return this.#exposure.run(this.#session);
  }

  /** Ends every look, and the session they hold on the server. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopping.abort();
    this.#leaveSession();
    this.#listening.stop();
    await Promise.all([this.#rounds.stop(), this.#exposure.settled()]);
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
    this.#public.forget();
  }

  async #lookRound(): Promise<void> {
    const session = this.#session;
    if (await this.#stillNothingListening(session)) return;
    const quiet = session !== undefined && session.quietUntil > this.#now();
    const knewOfStreams = this.#needsStreams;
    const [local, first] = await Promise.all([
      this.#server.look(this.#stopping.signal),
      session === undefined || quiet ? undefined : this.#public.look(session, this.#needsStreams),
      quiet || session?.exposure === 'refused' ? undefined : this.checkExposure(),
    ]);
    if (this.#stopped) return;
    this.#server.learn(local, this.#rounds.startedAt);
    // Only now is it known that this server is nothing without event streams: do they come through?
    const again = session !== undefined && first !== undefined && !knewOfStreams && this.#needsStreams;
    const seen = again ? await this.#public.look(session, this.#needsStreams) : first;
    if (session !== undefined && seen !== undefined) {
      await this.#public.learn(session, seen, this.#rounds.startedAt);
    }
    if (this.#stopped) return;
    this.#publish();
    this.#followUp();
  }

  /** While nothing listens, a TCP connect answers for a whole round. */
  async #stillNothingListening(session: WatchedSession | undefined): Promise<boolean> {
    const publicKnown = session === undefined || this.#public.seen !== undefined;
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

  get #serverAnswers(): boolean {
    const { own } = this.#server;
    return own !== undefined && meaningOf(own) !== 'server';
  }

  #publish(): void {
    const previous = this.#judgement.verdict;
    this.#judgement = judge({
      ...this.#server.evidence,
      public: this.#public.seen?.result,
      strikes: this.#session?.strikes ?? 0,
      carrier: this.#carrier.view(this.#session),
      online: this.#public.online,
      exposed: this.#exposure.exposed,
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
    const leg = this.#public.seen?.result;
    const open = session !== undefined && leg !== undefined && meaningOf(leg) === 'carrier';
    const settled = this.#carrier.view(session).kind === 'works';
    const delay = pace.nextLook({
      verdict,
      localFinding: this.#server.own?.finding ?? 'ok',
      opening: open && !settled && this.#public.isOpening(session),
      strikes: settled ? 0 : (session?.strikes ?? 0),
      exposureOpen: this.#exposure.isOpenFor(session),
      random: this.#options.random,
    });
    if (delay !== undefined) this.#rounds.plan(delay);
    // Not over TLS: servers log every handshake that breaks off.
    if (!this.#stopped && this.#serverAnswers && this.#options.upstream.protocol === 'http:')
      this.#listening.start();
    else this.#listening.stop();
  }
}
