import type { RequestHead } from '../core/exchange.ts';

/** The carrier that is our own: nothing else ever has this name. */
export const TOKEN_HEADER = 'x-tunneld-token';

/** Where a request may hold the access token, in the order they are tried. */
export type Carrier = 'header' | 'api-key' | 'path' | 'bearer' | 'query';

/** The token was found; what of it must not reach the server. */
export interface Admission {
  readonly carrier: Carrier | undefined;
  /** Target without the token. */
  readonly target: string;
  /** `/t/<secret>` when that is how the caller came: URLs we hand out must hold it too. */
  readonly pathPrefix: string;
}

/** `presented`: some carrier held something, and none of it was right. */
export type Refusal = { readonly presented: boolean };

/**
 * Looks for a valid token. A carrier that holds something else is no reason to refuse as long as a
 * later one is right: `X-API-Key` and `Authorization` may be meant for the server.
 */
export function findToken(
  request: Pick<RequestHead, 'target' | 'get'>,
  allowQuery: boolean,
  isValid: (value: string) => boolean,
): Admission | Refusal {
  const { target } = request;
  let presented = false;
  const matches = (value: string | undefined): boolean => {
    if (value === undefined || value === '') return false;
    presented = true;
    return isValid(value);
  };
  if (matches(request.get(TOKEN_HEADER))) return { carrier: 'header', target, pathPrefix: '' };
  if (matches(request.get('x-api-key'))) return { carrier: 'api-key', target, pathPrefix: '' };
  const secretPath = SECRET_PATH.exec(target);
  if (secretPath !== null && matches(secretPath[3])) {
    const [whole, wellKnown, pathPrefix = ''] = secretPath;
    const rest = target.slice(whole.length);
    return { carrier: 'path', target: withoutToken(wellKnown, rest), pathPrefix };
  }
  if (matches(BEARER.exec(request.get('authorization') ?? '')?.[1])) {
    return { carrier: 'bearer', target, pathPrefix: '' };
  }
  if (allowQuery) {
    const query = QUERY_TOKEN.exec(target);
    if (query !== null && matches(query[2])) {
      return { carrier: 'query', target: withoutParameter(target, query), pathPrefix: '' };
    }
  }
  return { presented };
}

/** Everything in a request that may be an access token, its own or somebody else's. */
export function presentedTokens(request: Pick<RequestHead, 'getAll'>, target: string): readonly string[] {
  const bearers = request.getAll('authorization').flatMap((line) => BEARER.exec(line)?.[1] ?? []);
  return [
    ...request.getAll(TOKEN_HEADER),
    ...request.getAll('x-api-key'),
    ...bearers,
    ...[SECRET_PATH.exec(target)?.[3], QUERY_TOKEN.exec(target)?.[2]].filter((value) => value !== undefined),
  ];
}

/**
 * Clients that look for the OAuth of a server put the well-known part in front of the path that they
 * were given (RFC 9728 §3.1, RFC 8414 §3.1): the token is in it all the same.
 */
const SECRET_PATH =
  /^(\/\.well-known\/(?:oauth-protected-resource|oauth-authorization-server|openid-configuration))?(\/t\/([^/?]+))/;
const BEARER = /^bearer +(\S+)$/i;
const QUERY_TOKEN = /([?&])token=([^&]*)(&?)/;

function withoutToken(wellKnown: string | undefined, rest: string): string {
  if (wellKnown === undefined) return rest.startsWith('/') ? rest : `/${rest}`;
  // What is asked about the server's root has no path behind the well-known part.
  return wellKnown + rest.replace(/^\/(?=$|\?)/, '');
}

function withoutParameter(target: string, match: RegExpExecArray): string {
  const before = target.slice(0, match.index);
  const after = target.slice(match.index + match[0].length);
  // Keeps one separator: the one in front, unless nothing is left behind it.
  return after === '' ? before : `${before}${match[1]}${after}`;
}
