import { loggedPath, maskTokens } from '../access/logged-path.ts';
import type { Logger } from '../core/log.ts';
import type { Visit } from '../relay/edge/observed-exchange.ts';

/** A request that takes longer is always logged (milliseconds). */
const SLOW_MS = 1_000;

/** The reason of the rate limit. Its refusals are sampled: logging each costs more than refusing it. */
const OVER_LIMIT = 'too-many-requests';

/** One line for a request, or for a sample of them. */
export class AccessLog {
  /** The share of unremarkable requests that get a line, from 0 to 1. */
  share: number;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #isToken: (text: string) => boolean;

  /** @param isToken knows the access tokens of the tunnels that are served */
  constructor(share: number, log: Logger, random: () => number, isToken: (text: string) => boolean) {
    this.share = share;
    this.#log = log;
    this.#random = random;
    this.#isToken = isToken;
  }

  /** Errors, broken answers and slow requests are always logged, except for what a rate limit refused. */
  note(visit: Visit): void {
    const failed = visit.status < 100 || visit.status >= 400 || visit.outcome === 'broken';
    const remarkable = failed && visit.reason !== OVER_LIMIT;
    const always = remarkable || visit.durationMs >= SLOW_MS || this.share >= 1;
    if (!always && this.#random() >= this.share) return;
    this.#log.info({ ...lineOf(visit, this.#isToken), ...(always ? {} : { share: this.share }) }, 'request');
  }
}

/** Why a request reached no tunnel, or none that is known to be there. */
const NO_TUNNEL: ReadonlySet<string | undefined> = new Set(['unknown-tunnel', 'no-oauth', 'tunnel-offline']);

/** Queries and secret path segments are credentials and are never logged. */
function lineOf(visit: Visit, isToken: (text: string) => boolean) {
  const { request, peer, name, target, status, durationMs, responseBytes, outcome, reason } = visit;
  // Without a tunnel the segments are not known apart: a token in a mistyped URL is a token too. Many
  // an address names a tunnel that does not exist.
  const served = name !== undefined && !NO_TUNNEL.has(reason);
  const path = served
    ? loggedPath(target, status < 400 ? undefined : isToken)
    : loggedPath(request.target, isToken).split('/').slice(0, 2).join('/');
  return {
    kind: 'request',
    tunnel: served || name === undefined ? name : maskTokens(name, isToken),
    client: peer.address,
    method: request.method,
    path,
    status,
    durationMs: Math.round(durationMs * 10) / 10,
    responseBytes,
    outcome,
    reason,
  };
}
