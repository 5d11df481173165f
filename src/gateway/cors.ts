import type { CallerPolicy } from '../access/caller-policy.ts';
import type { RequestHead } from '../core/exchange.ts';
import { REASON_HEADER } from '../core/markers.ts';
import type { OwnAnswer } from './answers.ts';

/**
 * The headers of https://fetch.spec.whatwg.org/#http-cors-protocol, for pages listed in
 * `access.origins`. The server is never shown an Origin, so what it says about origins is not about
 * this page, and is replaced.
 */

/** What a page may read of an answer besides its body and the few headers every page may. */
const EXPOSED = `Mcp-Session-Id, Mcp-Protocol-Version, WWW-Authenticate, Retry-After, ${REASON_HEADER}`;

/** Headers of an answer that belong to us once an origin is listed. */
export const CORS_HEADERS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-max-age',
];

/**
 * Lets a page of a listed origin read an answer.
 *
 * @param add gets the headers for it, name and value alternating
 * @param exposed what the server exposes itself
 * @returns whether such a page asked
 */
export function allowPage(
  policy: CallerPolicy,
  request: RequestHead,
  add: string[],
  exposed: string | undefined,
): boolean {
  if (policy.listsOrigins) add.push('Vary', 'Origin');
  const origin = policy.listedOrigin(request);
  if (origin === undefined) return false;
  const names = exposed === undefined ? EXPOSED : `${EXPOSED}, ${exposed}`;
  add.push('Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', names);
  return true;
}

export function preflight(request: RequestHead): OwnAnswer {
  const asked = request.get('access-control-request-headers') ?? '';
  return {
    status: 204,
    reason: 'preflight',
    description: '',
    headers: [
      'Access-Control-Allow-Methods',
      'GET, HEAD, POST, PUT, PATCH, DELETE',
      // Named one by one: a `*` would not cover Authorization.
      'Access-Control-Allow-Headers',
      HEADER_NAMES.test(asked) ? asked : USUAL_HEADERS,
      // Two hours: no browser believes more.
      'Access-Control-Max-Age',
      '7200',
    ],
  };
}

const HEADER_NAMES = /^[A-Za-z0-9-]+(?: ?, ?[A-Za-z0-9-]+)*$/;
const USUAL_HEADERS =
  'Authorization, Content-Type, Accept, Last-Event-ID, Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, X-Tunneld-Token';
