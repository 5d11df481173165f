import { randomUUID } from 'node:crypto';
import { type Clock, sleep } from '../../core/clock.ts';
import type { Era } from '../../core/status.ts';
import { judgeServer } from '../judge-server.ts';
import { meaningOf, type ProbeResult } from '../probe-result.ts';
import type { Answer } from '../question.ts';
import type { ServerFacts } from '../server-facts.ts';
import { type AskLeg, isAnswer, MADE_UP_SESSION, POST_HEADERS, restingOn } from './dialect.ts';
import { discover } from './discover.ts';
import { findPath } from './find-path.ts';
import { KeptSession } from './kept-session.ts';
import { plainHttp } from './plain-http.ts';
import { perhapsStream, streamOnly, streamSign } from './stream-only.ts';

/** How to probe: `health.probe` in the configuration. */
export type ProbeMode = 'auto' | 'discover' | 'initialize' | 'http' | 'tcp';

/** A server that changed its transport without us noticing a restart is seen again after this. */
const ERA_MAX_AGE_MS = 24 * 60 * 60_000;

/** When other questions are asked as well, and when to give up: parts of the time there is. */
const HALF = 0.5;
const LAST = 0.4;

export interface SpeakerOptions {
  readonly mode: ProbeMode;
  readonly clock: Clock;
  readonly facts: ServerFacts;
  /** `127.0.0.1:3845` */
  readonly address: string;
  readonly path: string;
  /** For all questions of one look (milliseconds). */
  readonly timeoutMs: number;
}

/**
 * Asks a server in its own dialect, and no more than is known to do no harm.
 *
 * `initialize` shows most, and `auto` uses it where real traffic has shown that a session more costs
 * nobody anything: on a stateless server, and on one that holds several at once. Everybody else is
 * asked `server/discover` with a made-up session id, which opens nothing; a server that only streams
 * (HTTP+SSE) is asked nothing at all.
 */
export class Speaker {
  readonly #options: SpeakerOptions;
  readonly #session = new KeptSession();
  #era: { readonly era: Era; readonly at: number } | undefined;
  /** It does not answer methods it does not know. */
  #silentToDiscover = false;
  #lookedForPath: { readonly found: string | undefined } | undefined;

  constructor(options: SpeakerOptions) {
    this.#options = options;
  }

  /** Nothing but a connection may be made: whatever else is asked would be a session. */
  get streamsOnly(): boolean {
    return this.#options.mode === 'auto' && this.#knownEra() === 'legacy-sse';
  }

  /** @param signal aborts when the answer is not needed any more */
  async ask(ask: AskLeg, signal: AbortSignal): Promise<ProbeResult> {
    const result = await this.#speak(ask, signal);
    const { era } = result;
    if (era !== undefined) this.#era = { era, at: this.#options.clock.monotonic() };
    return result.finding === 'wrong-path' && this.#options.mode !== 'http'
      ? this.#withRightPath(result, ask)
      : result;
  }

  /** The server was away: what comes back may be another one. */
  forget(): void {
    this.#era = undefined;
    this.#silentToDiscover = false;
    this.#lookedForPath = undefined;
  }

  /** Ends what we hold on the server. */
  end(ask: AskLeg): Promise<void> {
    return this.#session.end(ask);
  }

  async #speak(ask: AskLeg, signal: AbortSignal): Promise<ProbeResult> {
    const { mode, facts } = this.#options;
    if (mode === 'http') return plainHttp(ask);
    if (mode === 'initialize') return this.#session.probe(ask);
    const era = this.#knownEra();
    const roomForUs = facts.stateless || facts.severalSessions;
    if (mode === 'auto' && era === 'legacy' && roomForUs) return this.#session.probe(ask);
    return this.#askGently(ask, era, signal);
  }

  async #askGently(ask: AskLeg, era: Era, signal: AbortSignal): Promise<ProbeResult> {
    let refusal: Answer | undefined;
    const watched: AskLeg = async (question) => {
      const heard = await ask(question);
      if (isAnswer(heard)) refusal = heard;
      return heard;
    };
    const result = await this.#insist(watched, era, signal);
    if (this.#options.mode !== 'auto') return result;
    const { address, path } = this.#options;
    const latencyMs = result.latencyMs ?? 0;
    if (result.era === 'legacy-sse') return streamOnly(address, latencyMs);
    // A path that only streams knows no POST at all, so it looks like a wrong one at first.
    if (result.finding !== 'wrong-path' || refusal === undefined || refusal.status === 501) return result;
    const sign = await streamSign(ask, path, refusal);
    if (sign === 'shown' || sign === 'named') return streamOnly(address, latencyMs);
    return sign === 'possible' ? perhapsStream(refusal.status, result.latencyMs) : result;
  }

  /**
   * Some servers leave methods unanswered that they do not know. Other questions, asked when half of
   * the time is over, tell them from a server that hangs.
   */
  async #insist(ask: AskLeg, era: Era, signal: AbortSignal): Promise<ProbeResult> {
    if (this.#silentToDiscover) return this.#ping(ask);
    const { timeoutMs } = this.#options;
    const first = discover(ask, era);
    // A race may be lost: its end must not become an unhandled rejection.
    first.catch(() => undefined);
    const heard = await Promise.race([first, this.#after(timeoutMs * HALF, signal)]);
    if (heard !== undefined) return heard;
    const questions = [first, this.#ping(ask)];
    // It answered us before: then it hangs now.
    if (era === 'unknown') questions.push(this.#answersHttp(ask, signal));
    for (const question of questions) question.catch(() => undefined);
    const other = await Promise.race(questions);
    if (other.basis === 'http' && meaningOf(other) === 'alive') this.#silentToDiscover = true;
    return other;
  }

  /** The last word, shortly before time is over: something speaks HTTP there, and that is all we know. */
  async #answersHttp(ask: AskLeg, signal: AbortSignal): Promise<ProbeResult> {
    const [result] = await Promise.all([plainHttp(ask), this.#after(this.#options.timeoutMs * LAST, signal)]);
    if (meaningOf(result) !== 'alive') return new Promise(() => undefined);
    const detail = `it answers HTTP (${result.detail}), and leaves our MCP questions unanswered`;
    return { finding: 'unproven', basis: 'http', detail };
  }

  #after(delayMs: number, signal: AbortSignal): Promise<undefined> {
    const wait = sleep(this.#options.clock, delayMs, signal).then(() => undefined);
    wait.catch(() => undefined);
    return wait;
  }

  /** Every server of the legacy era knows `ping`; without a session it refuses it, which will do. */
  async #ping(ask: AskLeg): Promise<ProbeResult> {
    const id = `tunneld-${randomUUID()}`;
    const heard = await ask({
      method: 'POST',
      headers: { ...POST_HEADERS, ...MADE_UP_SESSION },
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' }),
      awaits: { message: id },
    });
    if (!isAnswer(heard)) return restingOn('http', heard);
    const result = restingOn('http', judgeServer(heard));
    return meaningOf(result) === 'alive' ? { ...result, era: 'legacy' } : result;
  }

  /** Knowing the right path is worth a few requests, once. */
  async #withRightPath(result: ProbeResult, ask: AskLeg): Promise<ProbeResult> {
    this.#lookedForPath ??= { found: await findPath(ask) };
    const { found } = this.#lookedForPath;
    if (found === undefined) return result;
    return {
      ...result,
      detail: `${result.detail}, but it does at ${found}`,
      remedy: `Use --path ${found}`,
    };
  }

  #knownEra(): Era {
    const { clock, facts } = this.#options;
    if (facts.streamsOnly) return 'legacy-sse';
    const known = this.#era;
    return known !== undefined && clock.monotonic() - known.at < ERA_MAX_AGE_MS ? known.era : 'unknown';
  }
}
