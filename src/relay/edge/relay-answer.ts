import { errorBody, isJsonPost, NO_OAUTH, rpcErrorBody, unauthorized } from '../../access/refusal-text.ts';
import type { Exchange, RequestHead, ResponseHead } from '../../core/exchange.ts';
import { RELAY_HEADER } from '../../core/markers.ts';
import { responseHead } from '../../http1/response-head.ts';
import type { RefusedRequest } from '../../http1/server-options.ts';

export interface RelayRefusal {
  readonly status: number;
  /** A stable word: `unknown-tunnel`, `tunnel-offline`, `tunnel-busy`, `link-lost`, … */
  readonly reason: string;
  /** One sentence for the caller. */
  readonly message: string;
  /** OAuth's word for it; `reason` otherwise. */
  readonly error?: string;
  readonly retryAfterSeconds?: number;
  /** More of them, name and value alternating. */
  readonly headers?: readonly string[];
}

/**
 * Answers in the form the caller speaks, as the gateway does: JSON-RPC where that was posted, else
 * plain JSON.
 */
export function refuse(exchange: Exchange, refusal: RelayRefusal): void {
  // For the counters and the log.
  if ('reason' in exchange) exchange.reason = refusal.reason;
  const { status, reason, message, error, retryAfterSeconds, headers = [] } = refusal;
  const rpc = isJsonPost(exchange.request) && !ACCESS_STATUS.has(status);
  const text = rpc ? rpcErrorBody('null', reason, message) : errorBody(error ?? reason, message);
  const retry = retryAfterSeconds === undefined ? [] : ['Retry-After', String(retryAfterSeconds)];
  answer(exchange, status, JSON_TYPE, text, [...own(reason), ...headers, ...retry]);
}

/**
 * For callers without the tunnel's token, who then never reach its agent.
 *
 * @param headers what lets a page read the answer
 */
export function refuseStranger(exchange: Exchange, presented: boolean, headers: readonly string[]): void {
  const { description: message, headers: challenge, ...refusal } = unauthorized(presented);
  refuse(exchange, { ...refusal, message, headers: [...challenge, ...headers] });
}

/** A JSON 404 for the discovery and registration paths of OAuth, also where JSON was posted. */
export function refuseDiscovery(exchange: Exchange, headers: readonly string[] = []): void {
  const { status, reason, error, description } = NO_OAUTH;
  if ('reason' in exchange) exchange.reason = reason;
  answer(exchange, status, JSON_TYPE, errorBody(error, description), [...own(reason), ...headers]);
}

/** For bytes that are no complete request: what its sender speaks is unknown. */
export function answerBroken({ status, reason }: RefusedRequest): { head: ResponseHead; body: Buffer } {
  const body = Buffer.from(rpcErrorBody('null', reason, `The request was refused: ${reason}.`));
  const headers = ['Content-Type', JSON_TYPE, ...own(reason)];
  if (status === 429 || status === 503) headers.push('Retry-After', '1');
  return { head: responseHead(status, headers, { kind: 'length', length: body.length }), body };
}

/** Lets a page read a refusal: without it a wrong token looks like a broken network. */
export function pageHeaders(request: RequestHead, origins: readonly string[]): readonly string[] {
  const origin = request.get('origin');
  if (origin === undefined || !origins.includes(origin.toLowerCase())) return [];
  const exposed = `WWW-Authenticate, Retry-After, ${RELAY_HEADER}`;
  return ['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', exposed, 'Vary', 'Origin'];
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

/** Clients look for OAuth's words there, whatever they posted. */
const ACCESS_STATUS = new Set([401, 403]);

function own(reason: string): readonly string[] {
  return [RELAY_HEADER, reason, 'Cache-Control', 'no-store'];
}
