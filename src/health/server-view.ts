import type { Clock } from '../core/clock.ts';
import type { ServerSign } from '../core/server-sign.ts';
import type { Era } from '../core/status.ts';
import type { Legs } from './legs.ts';
import * as pace from './pace.ts';
import { meaningOf, type ProbeResult } from './probe-result.ts';
import type { Dated } from './report.ts';
import { TrafficEvidence, type TrafficView, type TrafficWord } from './traffic-evidence.ts';

export interface ServerViewOptions {
  readonly clock: Clock;
  /** Path of the MCP endpoint. */
  readonly path: string;
  /** Time limit of a look at the server (milliseconds). */
  readonly timeoutMs: number;
}

const PROVEN_BY_CALLERS: ProbeResult = {
  finding: 'ok',
  basis: 'traffic',
  detail: 'callers get their answers',
};

/** What is known of the server: our own looks at it, and what its callers met, weighed against each other. */
export class ServerView {
  readonly #options: ServerViewOptions;
  readonly #legs: Legs;
  readonly #traffic: TrafficEvidence;
  #own: Dated | undefined;
  #era: Era = 'unknown';
  #server: string | undefined;
  /** Something went wrong for a caller since the last look. */
  #suspicious = false;
  /** A caller waits for its first byte, or gave up, and none was answered since. */
  #waitsInVain = false;

  constructor(options: ServerViewOptions, legs: Legs) {
    this.#options = options;
    this.#legs = legs;
    this.#traffic = new TrafficEvidence(options.path);
  }

  get era(): Era {
    return this.#era;
  }

  /** Name and version that the server gives itself; undefined until it has. */
  get server(): string | undefined {
    return this.#server;
  }

  /** Our last look at it. */
  get own(): ProbeResult | undefined {
    return this.#own?.result;
  }

  /** When a caller last got an MCP answer through the public URL (monotonic milliseconds). */
  get goodVisitAt(): number {
    return this.#traffic.goodVisitAt;
  }

  /** What to say of it: what callers met, where that says otherwise than our own look. */
  get reported(): Dated | undefined {
    const seen = this.#seenByCallers();
    return seen === undefined ? this.#own : { result: seen, at: this.#options.clock.now() };
  }

  /** What to judge it by. */
  get evidence(): { readonly local: ProbeResult | undefined; readonly traffic: TrafficView | undefined } {
    const traffic = this.#traffic.view(this.#now());
    const overruled = traffic === undefined ? this.#seenByCallers() : undefined;
    return { local: overruled ?? this.own, traffic };
  }

  /** Learns from what a caller's exchange showed. */
  note(sign: ServerSign): TrafficWord {
    this.#legs.learn(sign);
    const word = this.#traffic.note(sign, this.#now(), this.#era === 'legacy-sse');
    if (word.word === 'bad' || word.word === 'slow') this.#suspicious = true;
    if (word.word === 'slow') this.#waitsInVain = true;
    else if (word.word === 'good') this.#waitsInVain = false;
    return word;
  }

  /** Callers got through at `at` (Unix milliseconds): as good as a look. */
  provenAt(at: number): void {
    this.#own = { result: PROVEN_BY_CALLERS, at };
  }

  /** Whether nothing listened there when last looked at: a TCP connect is enough to see that change. */
  get mayJustBeStarting(): boolean {
    return this.own !== undefined && pace.mayJustBeStarting(this.own.finding);
  }

  /** Nothing has changed since the last look. */
  unchanged(): void {
    if (this.#own !== undefined) this.#own = { ...this.#own, at: this.#options.clock.now() };
  }

  /** Looks at it; what callers just got needs not be asked for again. Rejects only when `signal` aborts. */
  look(signal: AbortSignal): Promise<ProbeResult> {
    const suspicious = this.#suspicious;
    this.#suspicious = false;
    const alive = this.own !== undefined && meaningOf(this.own) === 'alive';
    const fresh = this.#now() - this.#traffic.goodAt < pace.TRAFFIC_FRESH_MS;
    if (alive && fresh && !suspicious) return Promise.resolve(PROVEN_BY_CALLERS);
    return this.#legs.local(signal, suspicious || !alive);
  }

  /** @param lookedAt when the look began (monotonic milliseconds) */
  learn(seen: ProbeResult, lookedAt: number): void {
    const { clock, timeoutMs } = this.#options;
    const result = this.#withCallers(seen);
    const before = this.own;
    const wasAway = before !== undefined && meaningOf(before) === 'server';
    if (wasAway && meaningOf(result) !== 'server') {
      this.#legs.forget(pace.mayJustBeStarting(before.finding));
      this.#traffic.forget();
      this.#waitsInVain = false;
      this.#server = undefined;
    }
    this.#own = { result, at: clock.now() };
    this.#era = result.era ?? this.#era;
    this.#server = result.server ?? this.#server;
    if (!isSilence(result) || this.#traffic.goodAt < lookedAt + timeoutMs / 2) return;
    // A caller got an answer while we waited for ours: it leaves unanswered what it does not know.
    this.#legs.trustCallers();
    this.provenAt(clock.now());
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }

  /** A silence that callers met as well is no matter of our questions. */
  #withCallers(result: ProbeResult): ProbeResult {
    if (result.finding !== 'silent' || !this.#waitsInVain) return result;
    const { timeoutMs } = this.#options;
    const detail = `the server does not answer within ${timeoutMs / 1_000} s, and callers wait in vain as well`;
    return { finding: 'timeout', basis: 'http', detail };
  }

  /** What callers met, where it says otherwise than our own look; undefined where it does not. */
  #seenByCallers(): ProbeResult | undefined {
    const view = this.#traffic.view(this.#now());
    if (view !== undefined) return view.share === 'all' ? view.result : undefined;
    const { own } = this;
    if (own === undefined || own.finding === 'timeout' || this.mayJustBeStarting) return undefined;
    // The keeper of the process knows that it ended, whatever callers got before.
    if (own.basis === 'process') return undefined;
    const overruled = meaningOf(own) !== 'alive' && meaningOf(own) !== 'machine';
    const fresh = this.#now() - this.#traffic.goodAt < pace.GOOD_NEWS_MS;
    return overruled && fresh ? PROVEN_BY_CALLERS : undefined;
  }
}

function isSilence({ finding }: ProbeResult): boolean {
  return finding === 'timeout' || finding === 'silent';
}
