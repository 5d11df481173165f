import type { RequestHead } from '../core/exchange.ts';

/** A browser asks whether a page may send its request; it never sends a token with that. */
export function isPreflight(request: RequestHead): boolean {
  return request.method === 'OPTIONS' && request.get('access-control-request-method') !== undefined;
}
