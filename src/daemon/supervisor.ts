import type { Clock, Timer } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { lost, type SessionEnd } from '../core/session-end.ts';
import type { ReportedError, TunnelState, Verdict } from '../core/status.ts';
import type { OpenRequest, TunnelProvider, TunnelSession } from '../providers/provider.ts';
import { type BackoffPolicy, backoffDelayMs, DEFAULT_BACKOFF } from './backoff.ts';
import { closeSession, openSession } from './open-session.ts';
import { nextState, type TunnelEvent } from './tunnel-state.ts';

/** While a retry is due, how often to look whether the network came back (reads no network). */
const ONLINE_POLL_MS = 2_000;

/** A session that will be cut off is replaced this long before, or at 90 % of a shorter life. */
const RENEW_EARLY_MS = 60_000;

/** An expiry is checked at least this often: a laptop's sleep moves the wall clock, not the timers. */
const EXPIRY_CHECK_MS = 60_000;

/** Verdicts whose fault is not the session's: replacing it would change nothing. */
const NOT_THE_SESSION: ReadonlySet<Verdict> = new Set([
  'server-down',
  'network-down',
  'auth',
  'config',
  'limited',
]);

/** Verdicts that prove the session carries traffic, whatever is wrong behind it. */
const SESSION_WORKS: ReadonlySet<Verdict> = new Set(['healthy', 'degraded', 'server-down', 'config']);

export interface SupervisorDeps {
  readonly provider: TunnelProvider;
  readonly request: OpenRequest;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Whether an attempt could get anywhere. Cheap, never throws. */
  readonly online: () => boolean;
  readonly backoff?: BackoffPolicy;
  /** Called after every state change, with the view already up to date. */
  readonly onChange: (change: StateChange) => void;
  /** What an attempt is busy with changed. */
  readonly onProgress?: () => void;
  /** The session is live: wire the gateway and the monitor to its URL. */
  readonly onSessionOpened: (session: LiveSession) => void;
  /** The session is being closed: nothing it says counts any more. */
  readonly onSessionClosed: () => void;
}

export interface StateChange {
  /** Unix milliseconds. */
  readonly at: number;
  readonly from: TunnelState;
  readonly event: TunnelEvent;
  readonly to: TunnelState;
  readonly cause: string;
}

export interface LiveSession {
  /** Counts the sessions of this tunnel since the daemon started; the id late events are known by. */
  readonly generation: number;
  readonly publicUrl: URL;
  /** Unix milliseconds. */
  readonly openedAt: number;
  readonly expiresAt: number | undefined;
}

interface Held extends LiveSession {
  readonly session: TunnelSession;
  readonly openedMonotonic: number;
}

/**
 * Keeps one tunnel open until told to stop: the only place that opens, replaces or ends a session.
 *
 * Everybody else gives reasons: the session says why it ended, the monitor why it should be replaced,
 * the user what is wanted. A reason becomes an event, the table turns the event into a state.
 */
export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #backoff: BackoffPolicy;
  #state: TunnelState = 'stopped';
  #since: number;
  #wanted = false;
  #generation = 0;
  #held: Held | undefined;
  #lastPublicUrl: URL | undefined;
  #attempt: AbortController | undefined;
  #progress: string | undefined;
  #attempts = 0;
  #replacements = 0;
  #lastError: ReportedError | undefined;
  /** Set while a session is closed for a reason that another attempt would meet again. */
  #givingUp = false;
  /** The replacement under way is planned: nothing failed, so nothing is waited for. */
  #retryAtOnce = false;
  /** Whoever ended the session asked for this much patience (milliseconds). */
  #waitAtLeastMs = 0;
  #offline = false;
  #retryAt: { readonly monotonic: number; readonly wall: number } | undefined;
  #verdict: Verdict = 'unknown';
  #retryTimer: Timer | undefined;
  #expiryTimer: Timer | undefined;
  #sustainTimer: Timer | undefined;
  readonly #stopWaiters: (() => void)[] = [];

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    this.#backoff = deps.backoff ?? DEFAULT_BACKOFF;
    this.#since = deps.clock.now();
  }

  get state(): TunnelState {
    return this.#state;
  }

  /** When the state last changed (Unix milliseconds). */
  get since(): number {
    return this.#since;
  }

  get session(): LiveSession | undefined {
    return this.#held;
  }

  /** What the live session says it cannot do; it may have learnt more since it opened. */
  get notes(): readonly string[] | undefined {
    return this.#held?.session.notes;
  }

  /** Public URL of the live session, or of the last one. */
  get publicUrl(): URL | undefined {
    return this.#held?.publicUrl ?? this.#lastPublicUrl;
  }

  /** What the attempt under way is busy with, if it takes long. */
  get progress(): string | undefined {
    return this.#progress;
  }

  /** Failures since the tunnel last worked for `resetAfterMs`. */
  get attempts(): number {
    return this.#attempts;
  }

  get replacements(): number {
    return this.#replacements;
  }

  /** When the next attempt is due (Unix milliseconds), while backing off with a network. */
  get nextRetryAt(): number | undefined {
    return this.#offline ? undefined : this.#retryAt?.wall;
  }

  get lastError(): ReportedError | undefined {
    return this.#lastError;
  }

  /** Wants the tunnel up. In `failed` it tries again; where it is up or coming up, nothing changes. */
  start(cause: string): void {
    this.#wanted = true;
    this.#givingUp = false;
    if (this.#state !== 'stopped' && this.#state !== 'failed') return;
    this.#forgetFailures();
    if (this.#apply('start', cause)) this.#open();
  }

  /** Wants the tunnel down. Resolves once the session is released, or counted as such. */
  async stop(cause: string): Promise<void> {
    this.#wanted = false;
    const from = this.#state;
    if (this.#apply('stop', cause)) {
      this.#cancelRetry();
      if (from === 'opening') this.#attempt?.abort(new Error(cause));
      if (from === 'up') this.#release();
    }
    if (this.#state === 'stopped') return;
    await new Promise<void>((resolve) => this.#stopWaiters.push(resolve));
  }

  /** Replaces the session now; cuts a back-off short; leaves `failed`. */
  restart(cause: string): void {
    this.#wanted = true;
    this.#givingUp = false;
    this.#forgetFailures();
    if (this.#state === 'stopped') {
      this.start(cause);
    } else if (this.#state === 'replacing') {
      this.#retryAtOnce = true;
    } else if (this.#apply('restart', cause)) {
      this.#cancelRetry();
      if (this.#held === undefined) this.#open();
      else this.#replace({ atOnce: true });
    }
  }

  /** What the monitor thinks now: decides whether a replacement would help, and when all is well. */
  noteVerdict(verdict: Verdict): void {
    this.#verdict = verdict;
    // Without a session a verdict is of the server alone, and proves nothing of the tunnel.
    if (this.#held !== undefined && SESSION_WORKS.has(verdict)) {
      this.#sustainTimer ??= this.#deps.clock.setTimer(() => this.#sustained(), this.#backoff.resetAfterMs);
    } else {
      this.#sustainTimer?.cancel();
      this.#sustainTimer = undefined;
    }
  }

  /** The monitor finds that the session carries nothing while the server answers. */
  unhealthy(generation: number, reason: string): void {
    if (this.#held?.generation !== generation || NOT_THE_SESSION.has(this.#verdict)) return;
    this.#attempts += 1;
    if (this.#apply('unhealthy', reason)) this.#replace({ atOnce: false });
  }

  /** The public URL answers without a token. Closed at once, and not opened again by itself. */
  exposed(generation: number, reason: string): void {
    if (this.#held?.generation !== generation) return;
    this.#giveUp('exposed', new TunneldError('TUNNEL_EXPOSED', reason));
  }

  /** The network came back, or the machine woke up: do not sit out a delay made for worse times. */
  wake(cause: string): void {
    this.#armExpiry();
    if (this.#state === 'backing-off' && this.#deps.online()) this.#retryNow(cause);
  }

  #open(): void {
    const { provider, request, clock, log } = this.#deps;
    const attempt = new AbortController();
    this.#attempt = attempt;
    const onProgress = (step: string) => {
      if (this.#attempt !== attempt || this.#progress === step) return;
      this.#progress = step;
      this.#deps.onProgress?.();
    };
    void openSession(provider, request, { clock, log, signal: attempt.signal, onProgress }).then(
      (outcome) => {
        this.#attempt = undefined;
        this.#progress = undefined;
        if (this.#state !== 'opening') {
          // Stopped between the session's opening and this line: it must not live on unseen.
          if (outcome.kind === 'opened')
            void closeSession(outcome.session, clock, log).then(() => this.#released());
          else this.#released();
        } else if (outcome.kind === 'opened') this.#opened(outcome.session);
        else if (outcome.kind === 'failed') this.#openFailed(outcome.error);
      },
    );
  }

  #opened(session: TunnelSession): void {
    const { clock } = this.#deps;
    this.#generation += 1;
    const held: Held = {
      generation: this.#generation,
      publicUrl: session.publicUrl,
      openedAt: clock.now(),
      expiresAt: session.expiresAt,
      session,
      openedMonotonic: clock.monotonic(),
    };
    this.#held = held;
    this.#lastPublicUrl = held.publicUrl;
    this.noteVerdict('unknown');
    this.#apply('opened', `public URL ${held.publicUrl.href}`);
    session.closed.then(
      (end) => this.#ended(held.generation, end),
      (error: unknown) => this.#ended(held.generation, lost(messageOf(error))),
    );
    this.#armExpiry();
    try {
      this.#deps.onSessionOpened(held);
    } catch (error) {
      this.#giveUp('rejected', error);
    }
  }

  #openFailed(error: unknown): void {
    const reported = this.#report(error);
    if (error instanceof TunneldError && error.retryable) {
      this.#attempts += 1;
      this.#backOff('open-failed', reported.message, error.retryAfterMs);
    } else {
      this.#apply('open-rejected', reported.message);
    }
  }

  #ended(generation: number, end: SessionEnd): void {
    // A session that was given up already has nothing to say (its end is our own doing, or too late).
    if (this.#held?.generation !== generation) return;
    const error =
      end.reason === 'ended'
        ? end.error
        : new TunneldError('SESSION_LOST', 'The provider closed it by itself');
    if (!error.retryable) {
      this.#giveUp('rejected', error);
      return;
    }
    const { message } = this.#report(error);
    this.#attempts += 1;
    if (this.#apply('lost', message)) this.#replace({ atOnce: false, atLeastMs: error.retryAfterMs });
  }

  /** Ends the session and stays `failed`: another attempt would meet the same. */
  #giveUp(event: 'rejected' | 'exposed', error: unknown): void {
    const { message } = this.#report(error);
    if (!this.#apply(event, message)) return;
    this.#givingUp = true;
    this.#release();
  }

  /** @param atLeastMs what the provider asked us to wait */
  #replace({ atOnce, atLeastMs = 0 }: { atOnce: boolean; atLeastMs?: number }): void {
    this.#retryAtOnce = atOnce;
    this.#waitAtLeastMs = atLeastMs;
    this.#replacements += 1;
    this.#release();
  }

  #release(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#expiryTimer?.cancel();
    this.noteVerdict('unknown');
    try {
      this.#deps.onSessionClosed();
    } catch (error) {
      this.#deps.log.error({ err: error }, 'closing a session left something behind');
    }
    void closeSession(held.session, this.#deps.clock, this.#deps.log).then(() => this.#released());
  }

  /** The session is gone (or counted as gone): on to what is wanted now. */
  #released(): void {
    if (this.#state === 'replacing') {
      const cause = this.#retryAtOnce ? 'replacing at once' : 'session released';
      this.#backOff('closed', cause, this.#waitAtLeastMs);
      return;
    }
    if (this.#givingUp && this.#wanted) {
      this.#givingUp = false;
      this.#apply('gave-up', this.#lastError?.message ?? 'the session was rejected');
      return;
    }
    this.#givingUp = false;
    this.#apply('closed', 'session released');
    // `up` may have come while the last session was still closing.
    if (this.#wanted) this.start('wanted up again');
  }

  #backOff(event: 'open-failed' | 'closed', cause: string, atLeastMs = 0): void {
    const { clock, random } = this.#deps;
    const delayMs = this.#retryAtOnce
      ? 0
      : Math.max(atLeastMs, backoffDelayMs(Math.max(0, this.#attempts - 1), this.#backoff, random));
    this.#retryAtOnce = false;
    this.#retryAt = { monotonic: clock.monotonic() + delayMs, wall: clock.now() + delayMs };
    this.#apply(event, cause);
    this.#watchRetry();
  }

  /** Waits for the retry in slices, so that a network that goes and comes back is noticed. */
  #watchRetry(): void {
    const { clock, online } = this.#deps;
    const leftMs = (this.#retryAt?.monotonic ?? 0) - clock.monotonic();
    if (!online()) {
      if (!this.#offline) {
        this.#offline = true;
        this.#apply('offline', 'this machine has no network; waiting for it, attempts are not counted');
      }
    } else if (this.#offline) {
      this.#retryNow('the network is back');
      return;
    } else if (leftMs <= 0) {
      this.#retryNow('retry is due');
      return;
    }
    const sliceMs = this.#offline ? ONLINE_POLL_MS : Math.min(leftMs, ONLINE_POLL_MS);
    this.#retryTimer = clock.setTimer(() => this.#watchRetry(), sliceMs);
  }

  #retryNow(cause: string): void {
    this.#cancelRetry();
    if (this.#apply('retry-due', cause)) this.#open();
  }

  #cancelRetry(): void {
    this.#retryTimer?.cancel();
    this.#retryAt = undefined;
    this.#offline = false;
  }

  #armExpiry(): void {
    this.#expiryTimer?.cancel();
    const held = this.#held;
    if (held?.expiresAt === undefined) return;
    const { clock } = this.#deps;
    const lifeMs = held.expiresAt - held.openedAt;
    const leftMs = held.expiresAt - Math.min(RENEW_EARLY_MS, lifeMs / 10) - clock.now();
    if (leftMs > 0) {
      this.#expiryTimer = clock.setTimer(() => this.#armExpiry(), Math.min(leftMs, EXPIRY_CHECK_MS));
      return;
    }
    // A session with hardly any life counts as a failure, or renewing it would become a tight loop.
    const lived = clock.monotonic() - held.openedMonotonic >= this.#backoff.resetAfterMs;
    if (!lived) this.#attempts += 1;
    const until = new Date(held.expiresAt).toISOString();
    const cause = `the provider ends this session at ${until}; renewing it before`;
    if (this.#apply('expiring', cause)) this.#replace({ atOnce: lived });
  }

  #sustained(): void {
    this.#sustainTimer = undefined;
    this.#forgetFailures();
  }

  #forgetFailures(): void {
    this.#attempts = 0;
    this.#lastError = undefined;
  }

  /** Keeps the failure for the status. Anything but a `TunneldError` is a bug and is logged with its stack. */
  #report(error: unknown): ReportedError {
    const { clock, log } = this.#deps;
    const known = error instanceof TunneldError;
    if (!known) log.error({ err: error }, 'unexpected failure while supervising a tunnel');
    const reported: TunneldError = known
      ? error
      : new TunneldError('INTERNAL', `Unexpected failure: ${messageOf(error)}`);
    this.#lastError = {
      code: reported.code,
      message: reported.message,
      remedy: reported.remedy,
      at: clock.now(),
    };
    return this.#lastError;
  }

  /** @returns false when `event` means nothing in the current state: late or repeated */
  #apply(event: TunnelEvent, cause: string): boolean {
    const from = this.#state;
    const to = nextState(from, event);
    if (to === undefined) return false;
    const at = this.#deps.clock.now();
    this.#state = to;
    if (to !== from) this.#since = at;
    this.#deps.onChange({ at, from, event, to, cause });
    if (to === 'stopped') for (const resolve of this.#stopWaiters.splice(0)) resolve();
    return true;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
