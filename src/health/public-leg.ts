import { randomUUID } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { JudgePage } from '../core/edge-page.ts';
import { GATEWAY_HEALTH_PATH, PROBE_HEADER } from '../core/markers.ts';
import type { Secret } from '../core/secret.ts';
import { withDeadline } from './deadline.ts';
import { type AskLeg, restingOn } from './dialects/dialect.ts';
import { discover } from './dialects/discover.ts';
import { type Exposure, judgeExposure } from './exposure.ts';
import { HttpAsker } from './http-asker.ts';
import { judgeCarrier } from './judge-carrier.ts';
import type { Saw } from './judge-server.ts';
import { codeOf, isCertificate, machineFinding } from './network-failure.ts';
import type { ProbeResult } from './probe-result.ts';
import type { Answer } from './question.ts';
import { USER_AGENT } from './user-agent.ts';

export interface PublicLegOptions {
  /** Path of the MCP endpoint. */
  readonly path: string;
  /** For one look (milliseconds). */
  readonly timeoutMs: number;
  readonly instance: string;
  readonly probeKey: string;
  /** The tunnel's access token; undefined where the tunnel has none. */
  token(): Secret | undefined;
  readonly clock: Clock;
  /** How the error pages of the provider's edge are read, where it has any of its own. */
  readonly judgePage?: JudgePage | undefined;
}

/**
 * The way from the internet to the gateway. What comes back with our own marker proves it; the server
 * behind it is not asked a second time.
 */
export class PublicLeg {
  readonly #options: PublicLegOptions;
  readonly #asker: HttpAsker;

  constructor(options: PublicLegOptions) {
    this.#options = options;
    this.#asker = new HttpAsker(options.clock);
  }

  /**
   * Resolves with what was seen; rejects only when `outer` aborts.
   *
   * @param stream whether an event stream comes through is asked as well
   */
  async look(publicUrl: URL, outer: AbortSignal, stream: boolean): Promise<ProbeResult> {
    const { clock, timeoutMs } = this.#options;
    const seen = await withDeadline(clock, timeoutMs, outer, (signal) =>
      this.#ask(publicUrl, signal, stream),
    ).catch((cause: unknown): Saw => {
      if (outer.aborted) throw cause;
      return {
        finding: 'no-answer',
        detail: `the public URL does not answer within ${timeoutMs / 1_000} s`,
      };
    });
    return restingOn('marker', seen);
  }

  /** Asks like a client without a token, which must be refused. */
  async exposure(publicUrl: URL, outer: AbortSignal): Promise<Exposure> {
    const { clock, timeoutMs, instance, path } = this.#options;
    let heard: Answer | undefined;
    return withDeadline(clock, timeoutMs, outer, async (signal) => {
      const ask: AskLeg = async (question) => {
        const headers = { ...question.headers, ...this.#probeHeaders(randomUUID()) };
        const { path: _, ...rest } = question;
        heard = await this.#asker.ask({ ...rest, url: withPath(publicUrl, path), headers }, signal);
        return heard;
      };
      await discover(ask, 'legacy');
      return heard === undefined ? 'unknown' : judgeExposure(heard, instance);
    }).catch((cause: unknown) => {
      if (outer.aborted) throw cause;
      return 'unknown';
    });
  }

  close(): Promise<void> {
    return this.#asker.close();
  }

  async #ask(publicUrl: URL, signal: AbortSignal, stream: boolean): Promise<Saw> {
    const { instance, token: tokenNow } = this.#options;
    const url = withPath(publicUrl, GATEWAY_HEALTH_PATH);
    const nonce = randomUUID();
    const token = tokenNow();
    const headers = {
      accept: stream ? 'text/event-stream' : 'application/json',
      ...this.#probeHeaders(nonce),
      ...(token !== undefined && { authorization: `Bearer ${token.reveal()}` }),
    };
    try {
      const answer = await this.#asker.ask({ method: 'GET', url, headers, awaits: 'text' }, signal);
      // Cut by the deadline: the head came in time, the body did not.
      return judgeCarrier(answer, url, { instance, nonce }, this.#options.judgePage);
    } catch (cause) {
      if (signal.aborted) throw cause;
      return failure(publicUrl, codeOf(cause));
    }
  }

  #probeHeaders(nonce: string): Record<string, string> {
    return { ...USER_AGENT, [PROBE_HEADER]: `${this.#options.probeKey}.${nonce}` };
  }
}

function failure({ origin }: URL, code: string): Saw {
  const machine = machineFinding(code);
  if (machine !== undefined) return { finding: machine, detail: `${SHORT_OF[machine]} (${code})` };
  if (isCertificate(code)) {
    return {
      finding: 'edge-certificate',
      detail: `the certificate of ${origin} ${FAULTS[code] ?? 'is not valid'} (${code})`,
    };
  }
  return { finding: 'no-route', detail: `${origin} cannot be reached from here (${code})` };
}

const SHORT_OF = {
  'no-descriptors': 'this machine has no file descriptors left to look at the public URL',
  'no-memory': 'this machine has no memory left to look at the public URL',
  'no-ports': 'this machine has no free port left to look at the public URL',
  'not-permitted': 'this machine does not let us connect to the public URL',
  'no-dns': 'no name server answers for the public URL',
} as const;

const FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired, or the clock of this machine is wrong',
  CERT_NOT_YET_VALID: 'is not valid yet, or the clock of this machine is wrong',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is not trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: 'is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'is not trusted here',
};

/** The base may have a path of its own (`http://127.0.0.1:7575/figma`). */
function withPath(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/$/, '')}${path}`;
  return url;
}
