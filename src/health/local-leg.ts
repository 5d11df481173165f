import type { Clock } from '../core/clock.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import { placeText } from '../core/place.ts';
import type { Secret } from '../core/secret.ts';
import type { ServerSign } from '../core/server-sign.ts';
import { withDeadline } from './deadline.ts';
import { type AskLeg, restingOn } from './dialects/dialect.ts';
import { type ProbeMode, Speaker } from './dialects/speak.ts';
import { streamOnly } from './dialects/stream-only.ts';
import type { Saw } from './judge-server.ts';
import { codeOf, type FailureKind, failureKind, LOCAL_FINDINGS } from './network-failure.ts';
import { meaningOf, type ProbeResult } from './probe-result.ts';
import { askServer, NoAnswer } from './server-asker.ts';
import { ServerFacts } from './server-facts.ts';
import { tcpCheck } from './tcp-check.ts';
import { speaksTls } from './tls-check.ts';
import { USER_AGENT } from './user-agent.ts';

export interface Upstream {
  readonly protocol: 'http:' | 'https:';
  readonly host: string;
  /** Tried where nobody listens at `host`. */
  readonly otherHost?: string;
  readonly port: number;
  /** A Unix socket, in place of host and port. */
  readonly socketPath?: string;
  /** Of the MCP endpoint, with leading slash. */
  readonly path: string;
  /** Host header the gateway sends, and so do we. */
  readonly hostHeader: string;
}

export interface LocalLegOptions {
  readonly upstream: Upstream;
  /** What the code that started the server knows of it: then it is asked nothing. */
  readonly ownState?: (() => ProbeResult) | undefined;
  readonly mode: ProbeMode;
  /** For one look, all its questions together (milliseconds). */
  readonly timeoutMs: number;
  /** `Authorization` for our own questions; without it a server that wants one is only connected to. */
  readonly authorization?: Secret | undefined;
  readonly clock: Clock;
}

/** How long ending our session may delay a shutdown. */
const CLOSE_TIMEOUT_MS = 2_000;
/** A TLS handshake with a server on this machine takes no longer. */
const TLS_CHECK_MS = 1_000;
/** A question that costs a server this much is asked rarely: bridges start a program for each (milliseconds). */
const DEAR_MS = 250;
/** The first time it may just have been cold. */
const DEAR_ONCE_MS = 60_000;
const DEAR_EVERY_MS = 15 * 60_000;
/** How long a server is left alone that limits us and does not say for how long. */
const LIMITED_MS = 60_000;

/** The way from the gateway to the server, and the server itself. */
export class LocalLeg {
  readonly #options: LocalLegOptions;
  readonly #facts: ServerFacts;
  readonly #speaker: Speaker;
  readonly #url: URL;
  /** `127.0.0.1:3845` */
  readonly #address: string;
  /** What it last said, while it must not, or need not, be asked again. */
  #resting: { readonly result: ProbeResult; readonly until: number } | undefined;
  /** It leaves our questions unanswered, and answers callers. */
  #mute = false;
  /** It has answered something since it was started, as far as we saw. */
  #answered = false;

  constructor(options: LocalLegOptions) {
    const { upstream, mode, clock, timeoutMs } = options;
    this.#options = options;
    this.#address = placeText(upstream);
    this.#url = new URL(
      `${upstream.protocol}//${upstream.socketPath === undefined ? this.#address : 'localhost'}`,
    );
    this.#facts = new ServerFacts(upstream.path);
    this.#speaker = new Speaker({
      mode,
      clock,
      timeoutMs,
      facts: this.#facts,
      address: this.#address,
      path: upstream.path,
    });
  }

  /**
   * Resolves with what was seen; rejects only when `outer` aborts.
   *
   * @param closely something is wrong: a server that is dear to ask is asked all the same
   */
  async look(outer: AbortSignal, closely: boolean): Promise<ProbeResult> {
    const { clock, timeoutMs, ownState } = this.#options;
    if (ownState !== undefined) return ownState();
    const over = new AbortController();
    try {
      return await withDeadline(clock, timeoutMs, outer, (deadline) =>
        this.#look(AbortSignal.any([deadline, over.signal]), closely),
      );
    } catch (cause) {
      if (outer.aborted) throw cause;
      return await this.#unanswered(outer);
    } finally {
      // Requests whose answers are not needed any more.
      over.abort(new Error('another question was answered first'));
    }
  }

  /**
   * What hangs is told from what leaves alone the questions it does not know by what it did before: one
   * that answered us or a caller hangs now. Of one that never did nobody knows: the next question would
   * be `initialize`, which may take the only session there is.
   */
  async #unanswered(outer: AbortSignal): Promise<ProbeResult> {
    const { mode, timeoutMs } = this.#options;
    const within = `within ${timeoutMs / 1_000} s`;
    const gentle = mode === 'auto' || mode === 'discover';
    if (gentle && !this.#answered && (await this.listening(outer))) {
      const asked = mode === 'auto' ? 'server/discover, ping and OPTIONS' : 'server/discover and ping';
      const detail = `the server at ${this.#address} accepts connections and answers nothing that a probe may ask (${asked}) ${within}; whether it answers callers is not known`;
      return { finding: 'silent', basis: 'tcp', detail };
    }
    const detail = `the server at ${this.#address} does not answer ${within}`;
    return { finding: 'timeout', basis: mode === 'tcp' ? 'tcp' : 'http', detail };
  }

  async listening(outer: AbortSignal): Promise<boolean> {
    const { clock, timeoutMs, upstream, ownState } = this.#options;
    if (ownState !== undefined) return meaningOf(ownState()) !== 'server';
    try {
      await withDeadline(clock, timeoutMs, outer, (signal) => tcpCheck(upstream, signal));
      return true;
    } catch (cause) {
      if (outer.aborted) throw cause;
      // What this machine lacks says nothing of the server.
      return meaningOf({ finding: LOCAL_FINDINGS[failureKind(codeOf(cause))] }) === 'machine';
    }
  }

  learn(sign: ServerSign): void {
    if (sign.seen.kind === 'answer') this.#answered = true;
    this.#facts.learn(sign);
  }

  /** Callers get answers, and we get none: nothing but a connection is tried from now on. */
  trustCallers(): void {
    this.#mute = true;
  }

  /** @param restarted nothing listened there: what does now may know us no more */
  forget(restarted: boolean): void {
    this.#facts.forget();
    this.#speaker.forget();
    this.#mute = false;
    if (restarted) this.#answered = false;
    // A server that hung and came back still counts failed logins.
    if (restarted || this.#resting?.result.askedForLogin !== true) this.#resting = undefined;
  }

  async close(): Promise<void> {
    const never = new AbortController().signal;
    await withDeadline(this.#options.clock, CLOSE_TIMEOUT_MS, never, (signal) =>
      this.#speaker.end(this.#ask(signal)),
    ).catch(() => undefined);
  }

  async #look(signal: AbortSignal, closely: boolean): Promise<ProbeResult> {
    const { clock, mode } = this.#options;
    const resting = this.#resting;
    const rests = resting !== undefined && clock.monotonic() < resting.until;
    const dearAlone = resting !== undefined && meaningOf(resting.result) === 'alive';
    if (rests && !(closely && dearAlone && resting.result.askedForLogin !== true)) {
      return this.#connect(signal, (latencyMs) => ({ ...resting.result, basis: 'tcp', latencyMs }));
    }
    if (mode === 'tcp' || this.#mute) {
      const also = this.#mute ? '; it answers callers, though not our probes' : '';
      const detail = `${this.#address} accepts connections${also}`;
      return this.#connect(signal, (latencyMs) => ({ finding: 'ok', basis: 'tcp', detail, latencyMs }));
    }
    if (this.#speaker.streamsOnly) {
      return this.#connect(signal, (latencyMs) => streamOnly(this.#address, latencyMs));
    }
    const result = await this.#speaker.ask(this.#ask(signal), signal);
    if (result.basis !== 'tcp') this.#answered = true;
    // An answer that was cut by the deadline is late, not broken.
    signal.throwIfAborted();
    this.#resting = this.#restAfter(result);
    return result;
  }

  #restAfter(result: ProbeResult): { result: ProbeResult; until: number } | undefined {
    const now = this.#options.clock.monotonic();
    const { latencyMs = 0, askedForLogin, retryAfterMs, detail, finding } = result;
    if (askedForLogin === true) {
      const also = '; not asked again, since each time may count as a failed login';
      return { result: { ...result, detail: detail + also }, until: Number.POSITIVE_INFINITY };
    }
    if (finding === 'limited') return { result, until: now + (retryAfterMs ?? LIMITED_MS) };
    // What was only connected to was asked nothing.
    if (meaningOf(result) !== 'alive' || latencyMs < DEAR_MS || result.basis === 'tcp') return undefined;
    const also = `; asked rarely, since it took ${(latencyMs / 1_000).toFixed(1)} s`;
    const again = this.#resting !== undefined && meaningOf(this.#resting.result) === 'alive';
    const restMs = again ? DEAR_EVERY_MS : DEAR_ONCE_MS;
    return { result: { ...result, detail: detail + also }, until: now + restMs };
  }

  async #connect(signal: AbortSignal, seen: (latencyMs: number) => ProbeResult): Promise<ProbeResult> {
    const { clock, upstream } = this.#options;
    const start = clock.monotonic();
    try {
      await tcpCheck(upstream, signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      const code = codeOf(cause);
      const kind = failureKind(code);
      // What listens there next is asked who it is.
      if (kind === 'refused') this.#resting = undefined;
      return restingOn('tcp', this.#failure(kind, code));
    }
    return seen(clock.monotonic() - start);
  }

  #ask(signal: AbortSignal): AskLeg {
    const { upstream, authorization, clock } = this.#options;
    const credentials = authorization === undefined ? {} : { authorization: authorization.reveal() };
    return async ({ path, ...question }) => {
      const url = new URL(this.#url);
      url.pathname = path ?? upstream.path;
      const headers = { host: upstream.hostHeader, ...question.headers, ...USER_AGENT, ...credentials };
      try {
        return await askServer({ ...question, url, headers }, upstream, signal, clock);
      } catch (cause) {
        if (signal.aborted || !(cause instanceof NoAnswer)) throw cause;
        const { kind, reason } = cause.failure;
        const saw = await this.#explain(failureKind(reason, kind === 'protocol'), reason, signal);
        return kind === 'connect' ? { ...saw, basis: 'tcp' } : saw;
      }
    };
  }

  /** The handshake alone is certain: servers differ in what they say to plain HTTP. */
  async #explain(kind: FailureKind, code: string, signal: AbortSignal): Promise<Saw> {
    const { upstream, clock } = this.#options;
    if (kind !== 'reset' || upstream.protocol === 'https:' || upstream.socketPath !== undefined)
      return this.#failure(kind, code);
    const tls = await withDeadline(clock, TLS_CHECK_MS, signal, (soon) => speaksTls(upstream, soon));
    return this.#failure(tls ? 'tls-record' : kind, code);
  }

  #failure(kind: FailureKind, code: string): Saw {
    const address = this.#address;
    const untrusted = isLoopbackHost(this.#options.upstream.host) ? '' : ' is not trusted';
    const detail = {
      refused: `nothing listens on ${address}`,
      unreachable: `${address} cannot be reached (${code})`,
      name: `${address} cannot be reached (${code})`,
      reset: `${address} closes the connection without an answer`,
      'not-http': `what listens on ${address} does not speak HTTP`,
      'bad-http': `${address} does not speak proper HTTP/1.1 (${code})`,
      'tls-record': `${address} speaks TLS, not plain HTTP`,
      'tls-mismatch': `${address} does not speak TLS`,
      'tls-untrusted': `the certificate of ${address}${untrusted} (${code})`,
      'no-descriptors': `this machine has no file descriptors left to ask ${address} (${code})`,
      'no-memory': `this machine has no memory left to ask ${address} (${code})`,
      'no-ports': `this machine has no free port left to ask ${address} (${code})`,
      'not-permitted': `this machine does not let us connect to ${address} (${code})`,
      'no-dns': `no name server answers for ${address} (${code})`,
    }[kind];
    const { socketPath } = this.#options.upstream;
    if (kind === 'not-permitted' && socketPath !== undefined) {
      const remedy = `Give the user of the daemon the right to open ${socketPath}.`;
      return { finding: 'not-permitted', detail, remedy };
    }
    return { finding: LOCAL_FINDINGS[kind], detail };
  }
}
