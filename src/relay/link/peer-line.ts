import type { Peer } from '../../core/exchange.ts';
import { LinkError } from './link-error.ts';

/**
 * Who the visitor is, as the relay saw it: the first line of a REQ head, in front of the request
 * line. The relay writes it, so nothing in the visitor's own headers can stand in for it.
 *
 * `scheme SP address SP host CRLF`; an unknown address is `-`.
 */
export function peerLine(peer: Peer): string {
  return `${peer.scheme} ${word(peer.address)} ${word(peer.host)}\r\n`;
}

/** @throws {LinkError} `protocol` */
export function readPeerLine(head: string): { readonly peer: Peer; readonly request: string } {
  const end = head.indexOf('\r\n');
  const [scheme, address, host, extra] = head.slice(0, Math.max(0, end)).split(' ');
  if ((scheme !== 'http' && scheme !== 'https') || !address || !host || extra !== undefined) {
    throw new LinkError('protocol', 'a request without a peer line');
  }
  return { peer: { scheme, address, host, via: 'provider' }, request: head.slice(end + 2) };
}

/** Also bounds it: a host as long as a head may be would make the head too long for the link. */
function word(text: string): string {
  return /^[\x21-\x7e]{1,300}$/.test(text) ? text : '-';
}
