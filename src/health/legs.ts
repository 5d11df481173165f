import { randomUUID } from 'node:crypto';
import net from 'node:net';
import type { Clock } from '../core/clock.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import { GATEWAY_HEALTH_PATH, PROBE_HEADER } from '../core/markers.ts';
import type { Secret } from '../core/secret.ts';
import { VERSION } from '../core/version.ts';
import { withDeadline } from './deadline.ts';
import { type AskLeg, isSighting } from './dialects/dialect.ts';
import { discover } from './dialects/discover.ts';
import { type ProbeMode, Speaker } from './dialects/speak.ts';
import { type Exposure, judgeExposure } from './exposure.ts';
import { type Answer, HttpAsker } from './http-asker.ts';
import { judgeCarrier } from './judge-carrier.ts';
import { codeOf, failureKind, LOCAL_FINDINGS } from './network-failure.ts';
import type { Sighting } from './sighting.ts';
import { tcpCheck } from './tcp-check.ts';
import { speaksTls } from './tls-check.ts';

export interface Upstream {
  readonly protocol: 'http:' | 'https:';
  readonly host: string;
  readonly port: number;
  /** Of the MCP endpoint, with leading slash. */
  readonly path: string;
  /** Host header the gateway sends, and so do we. */
  readonly hostHeader: string;
}

export interface LegsOptions {
  readonly upstream: Upstream;
  readonly mode: ProbeMode;
  /** For one probe of one leg, all its requests together (milliseconds). */
  readonly timeoutMs: number;
  readonly instance: string;
  readonly probeKey: string;
  /** The tunnel's access token; undefined where the tunnel has none. */
  token(): Secret | undefined;
  readonly clock: Clock;
}

/** The probes. Each resolves with what it saw; it rejects only when `signal` aborts. */
export interface Legs {
  local(signal: AbortSignal): Promise<Sighting>;
  public(publicUrl: URL, signal: AbortSignal): Promise<Sighting>;
  /** Asks without a token, which must be refused. */
  exposure(publicUrl: URL, signal: AbortSignal): Promise<Exposure>;
  /** Whether anything accepts connections where the server should be: a cheap first question. */
  listening(signal: AbortSignal): Promise<boolean>;
  /** The server was away: what comes back may be another one. */
  forget(): void;
  /** Ends the session we hold on the server, and every connection. */
  close(): Promise<void>;
}

/** How long ending our session may delay a shutdown. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Probes both legs over the network. */
export class NetworkLegs implements Legs {
  readonly #options: LegsOptions;
  readonly #speaker: Speaker;
  readonly #localAsker: HttpAsker;
  readonly #publicAsker: HttpAsker;
  readonly #localUrl: URL;
  /** `127.0.0.1:3845` */
  readonly #address: string;

  constructor(options: LegsOptions) {
    const { upstream, clock } = options;
    const host = net.isIPv6(upstream.host) ? `[${upstream.host}]` : upstream.host;
    this.#options = options;
    this.#address = `${host}:${upstream.port}`;
    this.#localUrl = new URL(`${upstream.protocol}//${this.#address}`);
    this.#speaker = new Speaker(options.mode, clock);
    // Nobody issues certificates for loopback, and nobody else can be in between.
    this.#localAsker = new HttpAsker(clock, { rejectUnauthorized: !isLoopbackHost(upstream.host) });
    this.#publicAsker = new HttpAsker(clock, { rejectUnauthorized: true });
  }

  local(outer: AbortSignal): Promise<Sighting> {
    return this.#probe(outer, this.#timedOut('timeout', `the server at ${this.#address}`), async (signal) => {
      if (this.#options.mode === 'tcp') return await this.#localTcp(signal);
      const sighting = await this.#speaker.local(this.#askLocal(signal));
      // An answer that was cut by the deadline is late, not broken.
      signal.throwIfAborted();
      return sighting;
    });
  }

  public(publicUrl: URL, outer: AbortSignal): Promise<Sighting> {
    return this.#probe(outer, this.#timedOut('no-answer', 'the public URL'), async (signal) => {
      const ask = this.#askPublic(publicUrl, signal);
      if (this.#options.mode !== 'tcp') return this.#speaker.public(ask);
      // The server may speak anything, so only the gateway is asked.
      const heard = await ask({ method: 'GET', path: GATEWAY_HEALTH_PATH, headers: {}, awaits: 'head' });
      if (isSighting(heard)) return heard;
      return { finding: 'ok', detail: `the gateway answers (${heard.status})`, latencyMs: heard.latencyMs };
    });
  }

  exposure(publicUrl: URL, outer: AbortSignal): Promise<Exposure> {
    const { clock, timeoutMs, instance } = this.#options;
    let heard: Answer | undefined;
    return withDeadline(clock, timeoutMs, outer, async (signal) => {
      const ask: AskLeg = async ({ path, ...question }) => {
        const url = withPath(publicUrl, path ?? this.#options.upstream.path);
        const headers = { ...question.headers, ...this.#probeHeaders(randomUUID()) };
        heard = await this.#publicAsker.ask({ ...question, url, headers }, signal);
        return heard;
      };
      await discover(ask);
      return heard === undefined ? 'unknown' : judgeExposure(heard, instance);
    }).catch((cause: unknown) => {
      if (outer.aborted) throw cause;
      return 'unknown';
    });
  }

  async listening(outer: AbortSignal): Promise<boolean> {
    const { clock, timeoutMs, upstream } = this.#options;
    try {
      await withDeadline(clock, timeoutMs, outer, (signal) => tcpCheck(upstream.host, upstream.port, signal));
      return true;
    } catch (cause) {
      if (outer.aborted) throw cause;
      return false;
    }
  }

  forget(): void {
    this.#speaker.forget();
  }

  async close(): Promise<void> {
    const never = new AbortController().signal;
    await withDeadline(this.#options.clock, CLOSE_TIMEOUT_MS, never, (signal) =>
      this.#speaker.end(this.#askLocal(signal)),
    ).catch(() => undefined);
    await Promise.all([this.#localAsker.close(), this.#publicAsker.close()]);
  }

  async #probe(
    outer: AbortSignal,
    timedOut: Sighting,
    work: (signal: AbortSignal) => Promise<Sighting>,
  ): Promise<Sighting> {
    const { clock, timeoutMs } = this.#options;
    try {
      return await withDeadline(clock, timeoutMs, outer, work);
    } catch (cause) {
      if (outer.aborted) throw cause;
      return timedOut;
    }
  }

  #timedOut(finding: 'timeout' | 'no-answer', who: string): Sighting {
    return { finding, detail: `${who} does not answer within ${this.#options.timeoutMs / 1_000} s` };
  }

  async #localTcp(signal: AbortSignal): Promise<Sighting> {
    const { clock, upstream } = this.#options;
    const start = clock.monotonic();
    try {
      await tcpCheck(upstream.host, upstream.port, signal);
    } catch (cause) {
      return this.#localFailure(cause, signal);
    }
    const latencyMs = clock.monotonic() - start;
    return { finding: 'ok', detail: `${this.#address} accepts connections`, latencyMs };
  }

  #askLocal(signal: AbortSignal): AskLeg {
    const { upstream } = this.#options;
    return async ({ path, ...question }) => {
      const url = withPath(this.#localUrl, path ?? upstream.path);
      const headers = { ...question.headers, ...USER_AGENT, host: upstream.hostHeader };
      try {
        return await this.#localAsker.ask({ ...question, url, headers }, signal);
      } catch (cause) {
        return this.#localFailure(cause, signal);
      }
    };
  }

  #askPublic(publicUrl: URL, signal: AbortSignal): AskLeg {
    const { instance, upstream } = this.#options;
    return async ({ path, ...question }) => {
      const url = withPath(publicUrl, path ?? upstream.path);
      const nonce = randomUUID();
      const headers = { ...question.headers, ...this.#probeHeaders(nonce), ...this.#authorization() };
      try {
        const answer = await this.#publicAsker.ask({ ...question, url, headers }, signal);
        return judgeCarrier(answer, url, { instance, nonce }) ?? answer;
      } catch (cause) {
        if (signal.aborted) throw cause;
        return { finding: 'no-route', detail: `${publicUrl.origin} cannot be reached (${codeOf(cause)})` };
      }
    };
  }

  async #localFailure(cause: unknown, signal: AbortSignal): Promise<Sighting> {
    if (signal.aborted) throw cause;
    const { upstream } = this.#options;
    const kind = failureKind(cause);
    const confused = kind === 'reset' || kind === 'not-http';
    if (
      confused &&
      upstream.protocol === 'http:' &&
      (await speaksTls(upstream.host, upstream.port, signal))
    ) {
      return { finding: 'tls-expected', detail: `${this.#address} speaks TLS, not plain HTTP` };
    }
    const detail = {
      refused: `nothing listens on ${this.#address}`,
      unreachable: `${this.#address} cannot be reached (${codeOf(cause)})`,
      reset: `${this.#address} closes the connection without an answer`,
      'not-http': `what listens on ${this.#address} does not speak HTTP`,
      'tls-mismatch': `${this.#address} does not speak TLS`,
      'tls-untrusted': `the certificate of ${this.#address} is not trusted (${codeOf(cause)})`,
    }[kind];
    return { finding: LOCAL_FINDINGS[kind], detail };
  }

  #probeHeaders(nonce: string): Record<string, string> {
    return { ...USER_AGENT, [PROBE_HEADER]: `${this.#options.probeKey}.${nonce}` };
  }

  #authorization(): Record<string, string> {
    const token = this.#options.token();
    return token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` };
  }
}

const USER_AGENT = { 'user-agent': `tunneld/${VERSION} (health probe)` } as const;

/** The base may have a path of its own (`http://127.0.0.1:7575/figma`). */
function withPath(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/$/, '')}${path}`;
  return url;
}
