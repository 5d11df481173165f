import type { Peer, RequestHead } from '../../core/exchange.ts';
import { FORWARDING_HEADERS, FORWARDING_PREFIXES } from '../../http1/forwarding-headers.ts';
import { NameSet } from '../../http1/name-set.ts';
import { headerMapOf } from '../wire/header-map.ts';
import type { HeaderMap } from '../wire/messages.ts';

/**
 * A visitor's headers for a client of mcp-tunnel, which hands them to its server as they are. So
 * what servers take for the truth about the caller is said here, and only here; what the visitor
 * names in `Connection` leaves with the visitor's own headers and cannot touch it.
 */
export function visitorHeaders(request: RequestHead, peer: Peer, pathPrefix: string): HeaderMap {
  const kept: string[] = [];
  const { lines } = request;
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const name = lines[at] ?? '';
    if (!NOT_PASSED.has(name, 0, name.length)) kept.push(name, lines[at + 1] ?? '');
  }
  return new Map([
    ...headerMapOf(kept),
    ['x-forwarded-for', peer.address],
    ['x-forwarded-proto', peer.scheme],
    ['x-forwarded-host', peer.host],
    ...(pathPrefix === '' ? [] : [['x-forwarded-prefix', pathPrefix] as const]),
  ]);
}

/** `Expect` and `HTTP2-Settings` are of one hop, the others words that a caller could have made up. */
const NOT_PASSED = new NameSet(['expect', 'http2-settings', ...FORWARDING_HEADERS], FORWARDING_PREFIXES);
