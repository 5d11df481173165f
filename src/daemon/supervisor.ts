import { TunneldError } from '../core/errors.ts';
import { type ReportedError, type TunnelState, VERDICTS, type Verdict } from '../core/status.ts';
import { Failures, type FailuresDeps } from './failures.ts';
import { HandOver } from './hand-over.ts';
import type { LiveSession } from './live-session.ts';
import { Renewal } from './renewal.ts';
import { type Patience, RetryWait } from './retry-wait.ts';
import { type HeldSession, SessionSlot, type SessionSlotDeps } from './session-slot.ts';
import { nextState, type StateChange, StateMachine, type TunnelEvent } from './tunnel-state.ts';

export interface SupervisorDeps extends SessionSlotDeps, FailuresDeps {
  /** Whether an attempt could get anywhere. Cheap, never throws. */
  readonly online: () => boolean;
  /** Called after every state change, with the view already up to date. */
  readonly onChange: (change: StateChange) => void;
  /** The session is live: wire the gateway and the monitor to its URL. */
  readonly onSessionOpened: (session: LiveSession) => void;
  /** The session is being closed: nothing it says counts any more. */
  readonly onSessionClosed: () => void;
}

/**
 * Keeps one tunnel open until told to stop: the only place that opens, replaces or ends a session.
 *
 * Everybody else gives reasons: the session says why it ended, the monitor why it should be replaced,
 * the user what is wanted. A reason becomes an event, the table turns the event into a state, and what
 * is done next follows from the state alone.
 */
export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #machine: StateMachine;
  readonly #failures: Failures;
  readonly #slot: SessionSlot;
  readonly #retry: RetryWait;
  readonly #renewal: Renewal;
  readonly #handOver: HandOver;
  /** What the user wants, whatever the state is by now. */
  #wanted = false;
  #verdict: Verdict = 'unknown';
  #replacements = 0;
  readonly #stopWaiters: (() => void)[] = [];

  constructor(deps: SupervisorDeps) {
    const { clock, provider } = deps;
    this.#deps = deps;
    this.#machine = new StateMachine(() => clock.now(), deps.onChange);
    this.#failures = new Failures(deps);
    this.#slot = new SessionSlot(deps, {
      onOpened: (held, before) => this.#opened(held, before),
      onOpenFailed: (error) => this.#openFailed(error),
      onEnded: (error) => this.#ended(error),
      onIdle: () => this.#released(),
    });
    this.#renewal = new Renewal(clock, (until) => this.#expiring(until));
    this.#handOver = new HandOver(clock);
    this.#retry = new RetryWait({
      ...deps,
      ...(provider.mended && { mended: provider.mended.bind(provider) }),
      onOffline: () => {
        this.#apply('offline', 'this machine has no network; waiting for it, attempts are not counted');
      },
      onDue: (cause) => this.#retryNow(cause),
    });
  }

  get state(): TunnelState {
    return this.#machine.state;
  }

  /** When the state last changed (Unix milliseconds). */
  get since(): number {
    return this.#machine.since;
  }

  /** The last change of the state, with its cause. */
  get lastChange(): StateChange | undefined {
    return this.#machine.lastChange;
  }

  get session(): LiveSession | undefined {
    return this.#slot.held;
  }

  /** Public URL of the live session, or of the last one. */
  get publicUrl(): URL | undefined {
    return this.#slot.publicUrl;
  }

  /** What the attempt under way is busy with, if it takes long. */
  get progress(): string | undefined {
    return this.#slot.progress;
  }

  /** Failures since the tunnel last worked for a minute. */
  get attempts(): number {
    return this.#failures.count;
  }

  get lastError(): ReportedError | undefined {
    return this.#failures.last;
  }

  get replacements(): number {
    return this.#replacements;
  }

  /** When the next attempt is due (Unix milliseconds), while backing off with a network. */
  get nextRetryAt(): number | undefined {
    return this.#retry.dueAt;
  }

  /** Wants the tunnel up. In `failed` it tries again; where it is up or coming up, nothing changes. */
  start(cause: string): void {
    this.#wanted = true;
    if (nextState(this.state, 'start') === 'opening') this.#failures.forget();
    if (this.#apply('start', cause) && this.state === 'opening') this.#slot.open({ insists: true });
  }

  /** Wants the tunnel down. Resolves once the session is released, or counted as such. */
  async stop(cause: string): Promise<void> {
    this.#wanted = false;
    if (this.#apply('stop', cause)) this.#end(cause);
    if (this.state === 'stopped') return;
    await new Promise<void>((resolve) => this.#stopWaiters.push(resolve));
  }

  /** Replaces the session now; cuts a back-off short; leaves `failed`. */
  restart(cause: string): void {
    this.#wanted = true;
    this.#failures.forget();
    const from = this.state;
    if (!this.#apply('restart', cause)) return;
    if (this.state === 'opening') {
      this.#retry.cancel();
      this.#slot.open({ insists: true });
    } else if (from === 'up') {
      this.#replace({ atOnce: true });
    } else if (from === 'replacing') {
      this.#retry.prepare({ atOnce: true });
      if (this.#handOver.endWait()) this.#slot.open({ insists: true });
    }
  }

  /** What the monitor thinks now: decides whether a replacement would help, and when all is well. */
  noteVerdict(verdict: Verdict): void {
    this.#verdict = verdict;
    // Without a session a verdict is of the server alone, and proves nothing of the tunnel.
    this.#failures.noteWorking(this.#slot.held !== undefined && VERDICTS[verdict].sessionWorks);
  }

  /** The monitor finds that the session carries nothing while the server answers. */
  unhealthy(generation: number, reason: string): void {
    if (this.#slot.held?.generation !== generation || VERDICTS[this.#verdict].notTheSession) return;
    this.#failures.add();
    if (this.#apply('unhealthy', reason)) this.#replace({});
  }

  /** The public URL answers without a token. Closed at once, and not opened again by itself. */
  exposed(generation: number, reason: string): void {
    if (this.#slot.held?.generation !== generation) return;
    this.#giveUp('exposed', new TunneldError('TUNNEL_EXPOSED', reason));
  }

  /** The network came back, or the machine woke up: do not sit out a delay made for worse times. */
  wake(cause: string): void {
    this.#renewal.check();
    if (this.state === 'backing-off' && this.#deps.online()) this.#retryNow(cause);
  }

  #opened(held: HeldSession, before: HeldSession | undefined): void {
    this.#handOver.done();
    this.#retry.cancel();
    this.#failures.opened();
    this.noteVerdict('unknown');
    this.#apply('opened', `public URL ${held.publicUrl.href}`);
    if (before !== undefined) this.#handOver.retire(before.session, () => this.#slot.close(before.session));
    try {
      this.#deps.onSessionOpened(held);
      if (this.state === 'up') this.#renewal.watch(held);
    } catch (error) {
      this.#giveUp('rejected', error);
    }
  }

  #openFailed(error: unknown): void {
    const { message } = this.#failures.report(error);
    this.#handOver.done();
    const retryable = error instanceof TunneldError && error.retryable;
    if (retryable) this.#failures.add();
    if (this.#slot.held !== undefined) {
      // The session goes on that was to be replaced; whoever wants it replaced will ask again.
      this.#retry.cancel();
      if (this.#apply('kept', `no other session: ${message}`))
        this.#renewal.watch(this.#slot.held, this.#failures.delayMs());
    } else if (retryable) {
      this.#retry.prepare({ atLeastMs: error.retryAfterMs });
      this.#backOff('open-failed', message);
    } else {
      this.#apply('open-rejected', message);
    }
  }

  #ended(error: TunneldError): void {
    if (this.state === 'replacing') {
      // Its successor is on the way: taking its place is how the provider may have ended it.
      this.#failures.report(error);
      this.#release();
    } else if (error.retryable) {
      const { message } = this.#failures.report(error);
      this.#failures.add();
      if (this.#apply('lost', message)) this.#replace({ atLeastMs: error.retryAfterMs });
    } else {
      this.#giveUp('rejected', error);
    }
  }

  #expiring(until: string): void {
    // A session with hardly any life counts as a failure, or renewing it would become a tight loop.
    const lived = this.#slot.aliveMs >= this.#failures.resetAfterMs;
    if (!lived) this.#failures.add();
    const cause = `the provider ends this session at ${until}; renewing it before`;
    if (this.#apply('expiring', cause)) this.#replace({ atOnce: lived });
  }

  #replace(patience: Patience): void {
    this.#replacements += 1;
    if (this.#deps.provider.overlaps === true && this.#slot.alive) {
      this.#renewal.cancel();
      const { atOnce = false } = patience;
      const delayMs = atOnce ? 0 : this.#failures.delayMs();
      this.#handOver.begin(delayMs, () => this.#slot.open({ insists: atOnce }));
    } else {
      this.#retry.prepare(patience);
      this.#release();
    }
  }

  /** Ends the session and stays `failed`: another attempt would meet the same. */
  #giveUp(event: 'rejected' | 'exposed', error: unknown): void {
    const { message } = this.#failures.report(error);
    if (this.#apply(event, message)) this.#end(message);
  }

  /** Nothing is to be open any more, nor on its way. */
  #end(reason: string): void {
    this.#retry.cancel();
    this.#handOver.cancel();
    this.#slot.abort(reason);
    this.#release();
    this.#released();
  }

  #release(): void {
    const session = this.#slot.take();
    if (session === undefined) return;
    this.#renewal.cancel();
    this.noteVerdict('unknown');
    try {
      this.#deps.onSessionClosed();
    } catch (error) {
      this.#deps.log.error({ err: error }, 'closing a session left something behind');
    }
    this.#slot.close(session);
  }

  /** Whatever had to go is gone: on to what comes next. */
  #released(): void {
    if (!this.#slot.idle) return;
    if (this.state === 'replacing') {
      if (!this.#handOver.underWay)
        this.#backOff('closed', this.#retry.atOnce ? 'replacing at once' : 'session released');
    } else if (this.state === 'giving-up') {
      this.#apply('closed', this.#failures.last?.message ?? 'the session was rejected');
    } else if (this.state === 'closing') {
      this.#apply('closed', 'session released');
      // `up` may have come while the last session was still closing.
      if (this.#wanted) this.start('wanted up again');
    }
  }

  #backOff(event: 'open-failed' | 'closed', cause: string): void {
    this.#retry.start(this.#failures.delayMs(), () => this.#apply(event, cause));
  }

  #retryNow(cause: string): void {
    this.#retry.cancel();
    if (this.#apply('retry-due', cause)) this.#slot.open();
  }

  #apply(event: TunnelEvent, cause: string): boolean {
    const applied = this.#machine.apply(event, cause);
    if (applied && this.state === 'stopped') for (const resolve of this.#stopWaiters.splice(0)) resolve();
    return applied;
  }
}
