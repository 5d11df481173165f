import type { Timer } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import type { Era, HealthReport, Verdict } from '../core/status.ts';
import { withDeadline } from './deadline.ts';
import type { Exposure } from './exposure.ts';
import { type Legs, type LegsOptions, NetworkLegs } from './legs.ts';
import * as pace from './pace.ts';
import { type Dated, toReport } from './report.ts';
import { meaningOf, type Place, type Sighting } from './sighting.ts';
import { type Judgement, judge } from './verdict.ts';

export interface HealthMonitorOptions extends LegsOptions {
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly log: Logger;
  /** Whether anything but the tunnel can be reached. Asked only when the public leg fails. */
  online(): Promise<boolean>;
  /** After every round of probes, and whenever the verdict changes. */
  onReport(report: HealthReport): void;
  /** The session is no good: the public leg failed twice in a row while the server answered. */
  onReplace(reason: string): void;
  /** The session must end at once: a request without a token was not refused. */
  onExposed(reason: string): void;
}

interface Session {
  readonly publicUrl: URL;
  /** Monotonic. */
  readonly openedAt: number;
  /** Ends every probe of this session: what they saw is of no interest any more. */
  readonly gone: AbortController;
  strikes: number;
  exposure: Exposure;
  /** Monotonic; when the provider may be asked again. */
  quietUntil: number;
  /** Monotonic. */
  replaceAskedAt: number;
}

/** Verdicts that a request which got through contradicts. */
const DOWN: ReadonlySet<Verdict> = new Set(['server-down', 'tunnel-down', 'network-down']);

/** Asking whether we are online may itself hang when we are not. */
const ONLINE_TIMEOUT_MS = 5_000;

/**
 * Watches one tunnel: decides when to probe, judges what the probes saw, and gives reasons. It
 * never acts on them, and it never throws.
 */
export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #legs: Legs;
  readonly #place: Place;
  readonly #stopping = new AbortController();
  #session: Session | undefined;
  #local: Dated | undefined;
  #public: Dated | undefined;
  #judgement: Judgement = { verdict: 'unknown', cause: 'Not probed yet.', remedy: '' };
  #since: number;
  #era: Era = 'unknown';
  #server: string | undefined;
  #exposed = false;
  #online = true;
  #round: Promise<void> | undefined;
  #roundAgain = false;
  #roundAt = Number.NEGATIVE_INFINITY;
  #trafficAt = Number.NEGATIVE_INFINITY;
  #next: { readonly timer: Timer; readonly due: number } | undefined;
  #listeningCheck: Timer | undefined;
  #exposureCheck: Promise<Exposure> | undefined;

  constructor(options: HealthMonitorOptions, legs: Legs = new NetworkLegs(options)) {
    const { upstream, timeoutMs, clock } = options;
    this.#options = options;
    this.#legs = legs;
    this.#place = { address: `${upstream.host}:${upstream.port}`, path: upstream.path, timeoutMs };
    this.#since = clock.now();
  }

  get report(): HealthReport {
    return toReport({
      judgement: this.#judgement,
      since: this.#since,
      era: this.#era,
      server: this.#server,
      local: this.#local,
      public: this.#public,
    });
  }

  /** A session is open at `publicUrl` (without the MCP path): probes both legs at once. */
  sessionOpened(publicUrl: URL): void {
    if (this.#stopped) return;
    this.#leaveSession();
    this.#exposed = false;
    this.#session = {
      publicUrl,
      openedAt: this.#now(),
      gone: new AbortController(),
      strikes: 0,
      exposure: 'unknown',
      quietUntil: Number.NEGATIVE_INFINITY,
      replaceAskedAt: Number.NEGATIVE_INFINITY,
    };
    this.#publish();
    this.#startRound();
  }

  /** There is no session any more: the local leg alone is watched. */
  sessionClosed(): void {
    if (this.#stopped || this.#session === undefined) return;
    this.#leaveSession();
    this.#publish();
  }

  /** The schedule says it is time for a look. */
  tick(): void {
    const { random } = this.#options;
    const since = this.#now() - this.#trafficAt;
    const proven = since < pace.TRAFFIC_FRESH_MS && this.#trafficAt > this.#roundAt;
    if (proven && this.#judgement.verdict === 'healthy') return;
    this.#schedule(this.#spaced(random() * pace.TICK_JITTER_MS));
  }

  /** Something looks wrong (or right again): look sooner. */
  wake(reason: string): void {
    if (this.#schedule(this.#spaced(pace.WAKE_DEBOUNCE_MS))) {
      this.#options.log.debug({ reason }, 'health: woken');
    }
  }

  /** A real request came through the public URL and was answered (`ok`), or the server failed it. */
  noteTraffic({ ok }: { readonly ok: boolean }): void {
    if (!ok) {
      this.wake('traffic failed');
      return;
    }
    this.#trafficAt = this.#now();
    if (DOWN.has(this.#judgement.verdict)) this.wake('traffic passed');
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

  /** Ends every probe, and the session they hold on the server. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopping.abort();
    this.#leaveSession();
    this.#next?.timer.cancel();
    this.#listeningCheck?.cancel();
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
        if (!this.#stopped) this.#options.log.error({ err }, 'health: a probe round failed');
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
      this.#legs.local(this.#stopping.signal),
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
  async #stillNothingListening(session: Session | undefined): Promise<boolean> {
    const known = this.#local?.sighting;
    const publicKnown = session === undefined || this.#public !== undefined;
    if (known === undefined || !pace.mayJustBeStarting(known.finding) || !publicKnown) return false;
    if (this.#judgement.verdict !== 'server-down') return false;
    if (await this.#legs.listening(this.#stopping.signal)) return false;
    this.#local = { sighting: known, at: this.#options.clock.now() };
    if (!this.#stopped) this.#followUp();
    return true;
  }

  async #lookPublic(session: Session): Promise<Sighting | undefined> {
    try {
      return await this.#legs.public(session.publicUrl, session.gone.signal);
    } catch (cause) {
      if (session.gone.signal.aborted) return undefined;
      throw cause;
    }
  }

  #learnLocal(sighting: Sighting): void {
    const wasAway = this.#local !== undefined && meaningOf(this.#local.sighting) === 'server';
    const isAway = meaningOf(sighting) === 'server';
    if (wasAway && !isAway) {
      this.#legs.forget();
      this.#server = undefined;
    }
    this.#local = { sighting, at: this.#options.clock.now() };
    this.#era = sighting.era ?? this.#era;
    this.#server = sighting.server ?? this.#server;
  }

  async #learnPublic(session: Session, sighting: Sighting): Promise<void> {
    const fails = meaningOf(sighting) === 'carrier';
    const online = fails ? await this.#askOnline(session) : true;
    // A session that ended meanwhile must not speak for its successor.
    if (session !== this.#session) return;
    this.#online = online;
    this.#public = { sighting, at: this.#options.clock.now() };
    if (sighting.finding === 'limited') {
      session.quietUntil = this.#now() + (sighting.retryAfterMs ?? pace.LIMITED_QUIET_MS);
    }
    session.strikes = fails && this.#isEvidence(session) ? session.strikes + 1 : 0;
  }

  /** Whether a failure of the public leg can be held against the session. */
  #isEvidence(session: Session): boolean {
    const answering = this.#local !== undefined && meaningOf(this.#local.sighting) !== 'server';
    const trafficPassed = this.#trafficAt >= this.#roundAt;
    return this.#online && answering && !this.#isOpening(session) && !trafficPassed;
  }

  #isOpening(session: Session): boolean {
    return this.#now() - session.openedAt < pace.OPENING_GRACE_MS;
  }

  async #askOnline({ publicUrl }: Session): Promise<boolean> {
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

  async #askWithoutToken(session: Session): Promise<Exposure> {
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
      local: this.#local?.sighting,
      public: this.#public?.sighting,
      strikes: this.#session?.strikes ?? 0,
      online: this.#online,
      exposed: this.#exposed,
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
    if (session !== undefined && verdict === 'tunnel-down') this.#askToReplace(session, cause);
    const far = this.#public?.sighting;
    const delay = pace.nextLook({
      verdict,
      localFinding: this.#local?.sighting.finding ?? 'ok',
      opening:
        session !== undefined &&
        far !== undefined &&
        meaningOf(far) === 'carrier' &&
        this.#isOpening(session),
      strikes: session?.strikes ?? 0,
      exposureOpen:
        session !== undefined && session.exposure === 'unknown' && this.#options.token() !== undefined,
      random: this.#options.random,
    });
    if (delay !== undefined) this.#schedule(delay);
    this.#watchListening();
  }

  /** Between probes a TCP connect suffices. Not over TLS: servers log every handshake that breaks off. */
  #watchListening(): void {
    this.#listeningCheck?.cancel();
    const { clock, upstream } = this.#options;
    const sighting = this.#local?.sighting;
    const answers = sighting !== undefined && meaningOf(sighting) !== 'server';
    if (this.#stopped || !answers || upstream.protocol === 'https:') return;
    this.#listeningCheck = clock.setTimer(() => void this.#checkListening(), pace.LISTENING_CHECK_MS);
  }

  async #checkListening(): Promise<void> {
    // It rejects only when the monitor stops, and then nobody waits for the answer.
    const listening = await this.#legs.listening(this.#stopping.signal).catch(() => true);
    if (!listening) this.#schedule(this.#spaced(0));
    this.#watchListening();
  }

  #askToReplace(session: Session, reason: string): void {
    if (this.#now() - session.replaceAskedAt < pace.REPLACE_AGAIN_MS) return;
    session.replaceAskedAt = this.#now();
    this.#options.onReplace(reason);
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
