import type { Admission } from '../access/carriers.ts';
import type { Peer, RequestHead } from '../core/exchange.ts';
import { serializeRequestHead } from '../http1/rewrite.ts';
import { NOT_FOR_THE_SERVER } from './not-passed.ts';

/**
 * The request head as the server gets it.
 *
 * @param hostHeader `Host` that the server is shown
 * @param routing path that a relay puts in front of the server's own; empty when there is none
 */
export function serverRequestHead(
  request: RequestHead,
  admission: Admission,
  peer: Peer,
  hostHeader: string,
  routing: string,
): string {
  return serializeRequestHead(request, {
    target: admission.target,
    drop: NOT_FOR_THE_SERVER[admission.carrier ?? 'header'],
    add: [
      'Host',
      hostHeader,
      'X-Forwarded-For',
      peer.address,
      'X-Forwarded-Proto',
      peer.scheme,
      'X-Forwarded-Host',
      peer.host,
      // Without it a server cannot make URLs of its own that lead back through a relay which routes by path.
      ...(routing === '' ? [] : ['X-Forwarded-Prefix', routing]),
    ],
  });
}
