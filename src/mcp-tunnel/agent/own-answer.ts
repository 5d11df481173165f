import { REASON_HEADER, UPSTREAM_HEADER } from '../../core/markers.ts';
import type { HeaderMap } from '../wire/messages.ts';

/** An answer of the agent itself, where the relay's limits leave no other. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers: HeaderMap;
  readonly body: Buffer;
}

export interface OwnFailure {
  readonly status: number;
  /** A stable word. */
  readonly reason: string;
  /** One sentence for the caller. */
  readonly message: string;
  /** Headers of the answer this one replaces: the gateway's marks say that the way to it is open. */
  readonly instead?: HeaderMap;
}

/** In the words of JSON-RPC when that was asked, so that a client can tell which call failed. */
export function ownAnswer(failure: OwnFailure, method: string, requestBody: Buffer): OwnAnswer {
  const { status, reason, message, instead } = failure;
  const id = method === 'POST' ? rpcId(requestBody) : undefined;
  const text =
    id === undefined
      ? JSON.stringify({ error: reason, error_description: message })
      : JSON.stringify({
          jsonrpc: '2.0',
          id,
          error: { code: INTERNAL_ERROR, message: `tunneld: ${message}`, data: { tunneld: { reason } } },
        });
  const headers = new Map([
    ['content-type', 'application/json'],
    ['cache-control', 'no-store'],
  ]);
  for (const [name, value] of instead ?? []) if (KEPT.test(name)) headers.set(name, value);
  if (headers.has(UPSTREAM_HEADER)) headers.set(UPSTREAM_HEADER, 'n/a');
  headers.set(REASON_HEADER, reason);
  return { status, headers, body: Buffer.from(text) };
}

/** Says that an answer came through the gateway, and lets a page of a listed origin read it. */
const KEPT = /^(?:x-tunneld(?:-|$)|access-control-|vary$)/;
/** -32603 (internal error) is the one code of the JSON-RPC range that no MCP meaning is attached to. */
const INTERNAL_ERROR = -32_603;
const MAX_PARSED_BYTES = 1_048_576;

function rpcId(body: Buffer): string | number | null | undefined {
  if (body.length > MAX_PARSED_BYTES) return null;
  try {
    const message: unknown = JSON.parse(body.toString());
    if (typeof message !== 'object' || message === null || !('jsonrpc' in message)) return undefined;
    const id = 'id' in message ? message.id : null;
    return typeof id === 'string' || typeof id === 'number' ? id : null;
  } catch {
    return undefined;
  }
}
