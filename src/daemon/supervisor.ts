import type { Clock, Timer } from '../core/clock.ts';
import type { EdgeCheck } from '../core/edge-check.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';

import { lost, type SessionEnd } from '../core/session-end.ts';
import { type ReportedError, type TunnelState, VERDICTS, type Verdict } from '../core/status.ts';
import type { OpenRequest, TunnelProvider, TunnelSession } from '../providers/provider.ts';

import { type BackoffPolicy, backoffDelayMs, DEFAULT_BACKOFF } from './backoff.ts';
import { closeSession, openSession } from './open-session.ts';
import { RetryWait } from './retry-wait.ts';
import { nextState, type TunnelEvent } from './tunnel-state.ts';

/** So long a session that was replaced may finish what it carries (milliseconds). */
const RETIRE_MS = 12_000;

/** A session that will be cut off is replaced this long before, or at 90 % of a shorter life. */
const RENEW_EARLY_MS = 60_000;

/** An expiry is checked at least this often: a laptop's sleep moves the wall clock, not the timers. */
const EXPIRY_CHECK_MS = 60_000;

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
  /** What the provider itself sees of it; undefined where it cannot be asked. */
  readonly askEdge: ((signal: AbortSignal) => Promise<EdgeCheck>) | undefined;
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
  #lastChange: StateChange | undefined;
  /** Set while a session is closed for a reason that another attempt would meet again. */
  #givingUp = false;
  /** The replacement under way is planned: nothing failed, so nothing is waited for. */
  #retryAtOnce = false;
  /** Whoever ended the session asked for this much patience (milliseconds). */
  #waitAtLeastMs = 0;
  #verdict: Verdict = 'unknown';
  readonly #retry: RetryWait;
  /** A session is on its way that is to take the place of the one that lives, or lived a moment ago. */
  #succeeding = false;
  /** Before an attempt whose session takes the place of one that still lives. */
  #successorTimer: Timer | undefined;
  /** Sessions whose successor serves, with what closes them at once. */
  readonly #retiring = new Set<() => void>();
  /** Sessions and attempts that are being released. */
  #releasing = 0;
  #expiryTimer: Timer | undefined;
  #sustainTimer: Timer | undefined;
  readonly #stopWaiters: (() => void)[] = [];

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    this.#backoff = deps.backoff ?? DEFAULT_BACKOFF;
    this.#since = deps.clock.now();
    this.#retry = new RetryWait({
      ...deps,
      ...(deps.provider.mended === undefined ? {} : { mended: () => mendedOf(deps.provider) }),
      onOffline: () => {
        this.#apply('offline', 'this machine has no network; waiting for it, attempts are not counted');
      },
      onDue: (cause) => this.#retryNow(cause),
    });
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
    return this.#retry.dueAt;
  }

  /** The last change of the state, with its cause. */
  get lastChange(): StateChange | undefined {
    return this.#lastChange;
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
    if (this.#apply('start', cause)) this.#open({ insists: true });
  }

  /** Wants the tunnel down. Resolves once the session is released, or counted as such. */
  async stop(cause: string): Promise<void> {
    this.#wanted = false;
    const from = this.#state;
    if (this.#apply('stop', cause)) {
      this.#endWaits();
      if (from === 'opening' || from === 'replacing') this.#attempt?.abort(new Error(cause));
      if (from === 'up' || from === 'replacing') this.#release();
      // Nothing was left to wait for.
      if (this.#state === 'closing') this.#released();
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
      if (this.#succeeding && this.#attempt === undefined) {
        this.#successorTimer?.cancel();
        this.#open({ insists: true });
      }
    } else if (this.#apply('restart', cause)) {
      this.#retry.cancel();
      if (this.#held === undefined) this.#open({ insists: true });
      else this.#replace({ atOnce: true });
    }
  }

  /** What the monitor thinks now: decides whether a replacement would help, and when all is well. */
  noteVerdict(verdict: Verdict): void {
    this.#verdict = verdict;
    // Without a session a verdict is of the server alone, and proves nothing of the tunnel.
    if (this.#held !== undefined && VERDICTS[verdict].sessionWorks) {
      this.#sustainTimer ??= this.#deps.clock.setTimer(() => this.#sustained(), this.#backoff.resetAfterMs);
    } else {
      this.#sustainTimer?.cancel();
      this.#sustainTimer = undefined;
    }
  }

  /** The monitor finds that the session carries nothing while the server answers. */
  unhealthy(generation: number, reason: string): void {
    if (this.#held?.generation !== generation || VERDICTS[this.#verdict].notTheSession) return;
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

  /** @param insists the user asked for it here and now */
  #open({ insists = false }: { insists?: boolean } = {}): void {
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
      if (this.#state !== 'opening' && this.#state !== 'replacing') {
        // Stopped between the session's opening and this line: it must not live on unseen.
        if (outcome.kind === 'opened') this.#close(outcome.session);
        else this.#released();
      } else if (outcome.kind === 'opened') this.#opened(outcome.session);
      else if (outcome.kind === 'failed') this.#openFailed(outcome.error);
    });
  }

  #opened(session: TunnelSession): void {
    const { clock } = this.#deps;
    const before = this.#held;
    this.#succeeding = false;
    this.#retryAtOnce = false;
    this.#generation += 1;
    const held: Held = {
      generation: this.#generation,
      publicUrl: session.publicUrl,
      openedAt: clock.now(),
      expiresAt: session.expiresAt,
      askEdge: session.checkFromEdge?.bind(session),
      session,
      openedMonotonic: clock.monotonic(),
    };
    this.#held = held;
    this.#lastPublicUrl = held.publicUrl;
    // What kept it from opening is mended: the next outage has a reason of its own.
    this.#lastError = undefined;
    this.noteVerdict('unknown');
    this.#apply('opened', `public URL ${held.publicUrl.href}`);
    session.closed.then(
      (end) => this.#ended(held.generation, end),
      (error: unknown) => this.#ended(held.generation, lost(messageOf(error))),
    );
    if (before !== undefined) this.#retire(before.session);
    this.#armExpiry();
    try {
      this.#deps.onSessionOpened(held);
    } catch (error) {
      this.#giveUp('rejected', error);
    }
  }

  #openFailed(error: unknown): void {
    const reported = this.#report(error);
    this.#succeeding = false;
    const retryable = error instanceof TunneldError && error.retryable;
    if (retryable) this.#attempts += 1;
    if (this.#held !== undefined) {
      // The session goes on that was to be replaced; whoever wants it replaced will ask again.
      if (this.#apply('kept', `no other session: ${reported.message}`)) this.#armExpiry(this.#delayMs());
    } else if (retryable) {
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
    if (this.#state === 'replacing') {
      // Its successor is on the way: taking its place is how the provider may have ended it.
      this.#report(error);
      this.#release();
      return;
    }
    if (!error.retryable) {
      this.#giveUp('rejected', error);
      return;
    }
    const { message } = this.#report(error);
    this.#attempts += 1;
    if (this.#apply('lost', message))
      this.#replace({ atOnce: false, atLeastMs: error.retryAfterMs, alive: false });
  }

  /** Ends the session and stays `failed`: another attempt would meet the same. */
  #giveUp(event: 'rejected' | 'exposed', error: unknown): void {
    const { message } = this.#report(error);
    if (!this.#apply(event, message)) return;
    this.#givingUp = true;
    this.#endWaits();
    this.#attempt?.abort(new Error(message));
    this.#release();
  }

  /** @param atLeastMs what the provider asked us to wait */
  #replace({
    atOnce,
    atLeastMs = 0,
    alive = true,
  }: {
    atOnce: boolean;
    atLeastMs?: number;
    alive?: boolean;
  }): void {
    this.#replacements += 1;
    if (this.#deps.provider.overlaps === true && alive) {
      this.#succeeding = true;
      this.#expiryTimer?.cancel();
      const delayMs = atOnce ? 0 : this.#delayMs();
      this.#successorTimer = this.#deps.clock.setTimer(() => this.#open({ insists: atOnce }), delayMs);
      return;
    }
    this.#retryAtOnce = atOnce;
    this.#waitAtLeastMs = atLeastMs;
    this.#release();
  }

  /** Its successor serves by now: the session finishes what it carries, but not for ever. */
  #retire(session: TunnelSession): void {
    const { clock } = this.#deps;
    const end = () => {
      if (!this.#retiring.delete(end)) return;
      timer.cancel();
      this.#close(session);
    };
    const timer = clock.setTimer(end, RETIRE_MS);
    this.#retiring.add(end);
    session.closed.then(end, end);
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
    this.#close(held.session);
  }

  #close(session: TunnelSession): void {
    const { clock, log } = this.#deps;
    this.#releasing += 1;
    void closeSession(session, clock, log).then(() => {
      this.#releasing -= 1;
      this.#released();
    });
  }

  /** Something is gone (or counted as gone): once all is, on to what is wanted now. */
  #released(): void {
    if (this.#releasing > 0 || this.#attempt !== undefined) return;
    if (this.#state === 'replacing') {
      if (this.#succeeding) return;
      const cause = this.#retryAtOnce ? 'replacing at once' : 'session released';
      this.#backOff('closed', cause, this.#waitAtLeastMs);
      return;
    }
    if (this.#state !== 'closing') return;
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
    const delayMs = this.#retryAtOnce ? 0 : Math.max(atLeastMs, this.#delayMs());
    this.#retryAtOnce = false;
    this.#retry.start(delayMs, () => this.#apply(event, cause), atLeastMs === 0);
  }

  #delayMs(): number {
    return backoffDelayMs(Math.max(0, this.#attempts - 1), this.#backoff, this.#deps.random);
  }

  #retryNow(cause: string): void {
    this.#retry.cancel();
    if (this.#apply('retry-due', cause)) this.#open();
  }

  /** Of the next attempt, and of what ends once a successor serves. */
  #endWaits(): void {
    this.#retry.cancel();
    this.#successorTimer?.cancel();
    this.#succeeding = false;
    for (const end of [...this.#retiring]) end();
  }

  /** @param atLeastMs when it was tried a moment ago */
  #armExpiry(atLeastMs = 0): void {
    this.#expiryTimer?.cancel();
    const held = this.#held;
    if (held?.expiresAt === undefined) return;
    const { clock } = this.#deps;
    const lifeMs = held.expiresAt - held.openedAt;
    const dueMs = held.expiresAt - Math.min(RENEW_EARLY_MS, lifeMs / 10) - clock.now();
    const leftMs = Math.max(atLeastMs, dueMs);
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
    this.#lastChange = { at, from, event, to, cause };
    this.#deps.onChange(this.#lastChange);
    if (to === 'stopped') for (const resolve of this.#stopWaiters.splice(0)) resolve();
    return true;
  }
}

async function mendedOf(provider: TunnelProvider): Promise<boolean> {
  return (await provider.mended?.()) ?? false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
