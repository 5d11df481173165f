import type { ResponseHead } from '../core/exchange.ts';
import { REASON_HEADER } from '../core/markers.ts';
import { responseHead } from '../http1/response-head.ts';

/** An answer of the gateway's own. */
export interface OwnAnswer {
  readonly status: number;
  /** A stable word: the event's `reason` and the `X-Tunneld-Reason` header. */
  readonly reason: string;
  /** One sentence for whoever reads the body; it reaches users through their client. */
  readonly description: string;
  /** OAuth's word for it where clients look for one; `reason` otherwise. */
  readonly error?: string;
  /** More headers, name and value alternating. */
  readonly headers?: readonly string[];
  /** Additional facts for `error.data.tunneld`. */
  readonly data?: Readonly<Record<string, string>>;
}

/** @param rpcId id (as JSON) of the JSON-RPC call this answers; undefined for anything but one */
export function ownAnswer(
  answer: OwnAnswer,
  marker: readonly string[],
  rpcId: string | undefined,
): { head: ResponseHead; body: Buffer } {
  const common = ['Cache-Control', 'no-store', ...marker, REASON_HEADER, answer.reason];
  const headers = [...common, ...(answer.headers ?? [])];
  if (answer.status === 204) {
    return { head: responseHead(204, headers, { kind: 'none' }), body: Buffer.alloc(0) };
  }
  headers.push('Content-Type', 'application/json');
  const body = Buffer.from(rpcId === undefined ? plainBody(answer) : rpcBody(answer, rpcId));
  return { head: responseHead(answer.status, headers, { kind: 'length', length: body.length }), body };
}

function plainBody({ error, reason, description }: OwnAnswer): string {
  return JSON.stringify({ error: error ?? reason, error_description: description });
}

/** -32603 (internal error) is the one code of the JSON-RPC range that no MCP meaning is attached to. */
function rpcBody({ reason, description, data }: OwnAnswer, id: string): string {
  const error = { code: -32603, message: `tunneld: ${description}`, data: { tunneld: { reason, ...data } } };
  return `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`;
}

const HOW_TO =
  'Send it as "Authorization: Bearer <token>" or "X-Tunneld-Token: <token>"; `tunneld token show` prints it on the machine that runs the tunnel.';

export function unauthorized(presented: boolean): OwnAnswer {
  return presented
    ? {
        status: 401,
        reason: 'wrong-token',
        error: 'unauthorized',
        description: `The access token is not the one of this tunnel, or it was rotated. ${HOW_TO}`,
        headers: ['WWW-Authenticate', 'Bearer error="invalid_token"'],
      }
    : {
        status: 401,
        reason: 'no-token',
        error: 'unauthorized',
        description: `This tunnel needs its access token. ${HOW_TO}`,
        headers: ['WWW-Authenticate', 'Bearer'],
      };
}

/**
 * Clients look for OAuth after a 401. Anything but a 404 here makes several of them forget the token
 * they were configured with; some show this text to their user.
 */
export const NO_OAUTH: OwnAnswer = {
  status: 404,
  reason: 'no-oauth',
  error: 'not_found',
  description: `This tunnel has no OAuth: it uses a static access token. ${HOW_TO}`,
};

export const FOREIGN_HOST: OwnAnswer = {
  status: 403,
  reason: 'host',
  error: 'forbidden',
  description: 'The Host of this request is neither the public one of this tunnel nor its local address.',
};

export const FOREIGN_ORIGIN: OwnAnswer = {
  status: 403,
  reason: 'origin',
  error: 'forbidden',
  description:
    'Web pages of this origin may not call this tunnel; list it under access.origins to allow them.',
};

export const NOT_RESERVED: OwnAnswer = {
  status: 404,
  reason: 'reserved-path',
  error: 'not_found',
  description: "Paths under /.tunneld/ are the tunnel's own, and this is none of them.",
};

/** Does the path belong to OAuth discovery or registration, at any issuer path? */
export function isOAuthPath(target: string): boolean {
  return OAUTH_PATH.test(target);
}

const OAUTH_PATH =
  /^\/(?:register|authorize|token)(?:\?|$)|\/\.well-known\/(?:oauth-|openid-configuration(?:[/?]|$))/;
