import type { RequestHead } from '../core/exchange.ts';

/**
 * How gateway and relay word what they refuse. A client must not have to know which of them it met,
 * so both make their bodies here.
 */

/** What a caller without access gets. */
export interface AccessRefusal {
  readonly status: number;
  /** A stable word for logs and headers. */
  readonly reason: string;
  /** OAuth's word for it, which is where clients look. */
  readonly error: string;
  /** One sentence; several clients show it to their user. */
  readonly description: string;
  /** Name and value alternating. */
  readonly headers: readonly string[];
}

/** @param presented there was something where a token is looked for */
export function unauthorized(presented: boolean): AccessRefusal {
  const [reason, what, challenge] = presented
    ? [
        'wrong-token',
        'The access token is not the one of this tunnel, or it was rotated.',
        'Bearer error="invalid_token"',
      ]
    : ['no-token', 'This tunnel needs its access token.', 'Bearer'];
  return {
    status: 401,
    reason,
    error: 'unauthorized',
    description: `${what} ${HOW_TO}`,
    headers: ['WWW-Authenticate', challenge],
  };
}

const HOW_TO =
  'Send it as "Authorization: Bearer <token>" or "X-Tunneld-Token: <token>"; `tunneld token show` prints it on the machine that runs the tunnel.';

/**
 * Clients look for OAuth after a 401. Anything but a 404 here makes several of them forget the token
 * they were configured with.
 */
export const NO_OAUTH: AccessRefusal = {
  status: 404,
  reason: 'no-oauth',
  error: 'not_found',
  description: `This tunnel has no OAuth: it uses a static access token. ${HOW_TO}`,
  headers: [],
};

/** Does the path belong to OAuth discovery or registration, at any issuer path? */
export function isOAuthPath(target: string): boolean {
  return OAUTH_PATH.test(target);
}

const OAUTH_PATH =
  /^(?:\/(?:register|authorize|token)(?:\?|$)|[^?]*\/\.well-known\/(?:oauth-|openid-configuration(?:[/?]|$)))/;

/** A caller that gets errors as JSON-RPC. */
export function isJsonPost(request: RequestHead): boolean {
  return request.method === 'POST' && /^application\/json\b/i.test(request.get('content-type') ?? '');
}

/** The body for everybody else: some clients cannot show anything but JSON. */
export function errorBody(error: string, description: string): string {
  return JSON.stringify({ error, error_description: description });
}

/**
 * -32603 (internal error) is the one code of the JSON-RPC range that no MCP meaning is attached to.
 *
 * @param id of the call, as JSON; `null` when it is not known
 * @param data more facts for `error.data.tunneld`
 */
export function rpcErrorBody(
  id: string,
  reason: string,
  description: string,
  data: Readonly<Record<string, string>> = {},
): string {
  const error = { code: -32603, message: `tunneld: ${description}`, data: { tunneld: { reason, ...data } } };
  return `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`;
}
