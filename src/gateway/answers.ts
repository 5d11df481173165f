import { errorBody, isJsonPost, rpcErrorBody } from '../access/refusal-text.ts';
import type { RequestHead, ResponseHead } from '../core/exchange.ts';
import { REASON_HEADER } from '../core/markers.ts';
import { responseHead } from '../http1/response-head.ts';

/** An answer of the gateway's own. */
export interface OwnAnswer {
  readonly status: number;
  /** A stable word: the event's `reason` and the `X-Tunneld-Reason` header. */
  readonly reason: string;
  /** One sentence, which reaches users through their client. */
  readonly description: string;
  /** OAuth's word for it where clients look for one; `reason` otherwise. */
  readonly error?: string;
  /** More headers, name and value alternating. */
  readonly headers?: readonly string[];
  /** The body is sent as an event stream of one event. */
  readonly asEvent?: boolean;
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
  headers.push('Content-Type', answer.asEvent ? 'text/event-stream' : 'application/json');
  const { error, reason, description, data } = answer;
  const text =
    rpcId === undefined
      ? errorBody(error ?? reason, description)
      : rpcErrorBody(rpcId, reason, description, data);
  const body = Buffer.from(answer.asEvent ? `data: ${text}\n\n` : text);
  return { head: responseHead(answer.status, headers, { kind: 'length', length: body.length }), body };
}

/** Whether a JSON-RPC client gets the answer as a JSON-RPC error, which it matches to its call by the id. */
export function isRpcError({ status }: OwnAnswer, request: RequestHead): boolean {
  return RPC_STATUS.has(status) && isJsonPost(request);
}

const RPC_STATUS = new Set([400, 413, 431, 500, 502, 503, 504]);

export const FOREIGN_HOST: OwnAnswer = {
  status: 403,
  reason: 'host',
  error: 'forbidden',
  description: 'The Host of this request is neither the public one of this tunnel nor its local address.',
};

export const NOT_OPEN_YET: OwnAnswer = {
  status: 503,
  reason: 'not-open',
  description: 'The tunnel is opening, and does not know its public address yet.',
  headers: ['Retry-After', '2'],
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
