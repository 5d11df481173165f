import type { Exchange } from '../core/exchange.ts';
import { RELAY_HEADER } from '../core/markers.ts';
import { responseHead } from '../http1/response-head.ts';

export interface RelayRefusal {
  readonly status: number;
  /** A stable word: `unknown-tunnel`, `tunnel-offline`, `tunnel-busy`, `link-lost`, … */
  readonly reason: string;
  /** One sentence for the caller. */
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** Answers in the form the caller speaks: JSON-RPC where JSON was posted, else one line of text. */
export function refuse(exchange: Exchange, refusal: RelayRefusal): void {
  const json = postsJson(exchange);
  const headers = [RELAY_HEADER, refusal.reason, 'Cache-Control', 'no-store'];
  if (refusal.retryAfterSeconds !== undefined) headers.push('Retry-After', String(refusal.retryAfterSeconds));
  const text = json
    ? JSON.stringify({
        jsonrpc: '2.0',
        id: null,
        error: { code: RELAY_ERROR, message: refusal.message, data: { reason: refusal.reason } },
      })
    : `${refusal.message}\n`;
  answer(exchange, refusal.status, json ? JSON_TYPE : TEXT_TYPE, text, headers);
}

/** A JSON 404 for the discovery and registration paths of OAuth, which look at the root of a host. */
export function refuseDiscovery(exchange: Exchange): void {
  const text = JSON.stringify({
    error: 'not_found',
    error_description: 'This host has no OAuth server; tunnels are opened with an access token.',
  });
  answer(exchange, 404, JSON_TYPE, text, [RELAY_HEADER, 'no-oauth', 'Cache-Control', 'no-store']);
}

export function answer(
  exchange: Exchange,
  status: number,
  type: string,
  text: string,
  headers: readonly string[],
): void {
  const body = Buffer.from(text);
  const framing = { kind: 'length', length: body.length } as const;
  exchange.respond(responseHead(status, ['Content-Type', type, ...headers], framing), body, true);
}

const JSON_TYPE = 'application/json';
export const TEXT_TYPE = 'text/plain; charset=utf-8';
/** In the range JSON-RPC leaves to servers. */
const RELAY_ERROR = -32_000;

function postsJson({ request }: Exchange): boolean {
  return (
    request.method === 'POST' && /^application\/(?:[\w.-]+\+)?json\b/i.test(request.get('content-type') ?? '')
  );
}
