import type { BlockList, Socket } from 'node:net';
import { isIP } from 'node:net';
import type { Peer, RequestHead } from '../../core/exchange.ts';
import { addressOf, originOf } from '../../http1/socket-origin.ts';

/**
 * Who the visitor is: the socket's other end, or what a proxy in front says, if it is one of ours.
 * Of the forwarded addresses the last one counts that is not a proxy of ours: those before it could
 * be anybody's words.
 *
 * @param balanced what visitors speak to a proxy that writes PROXY headers, and cannot tell
 */
export function visitorOf(
  socket: Socket,
  request: RequestHead,
  trusted: BlockList,
  balanced: Peer['scheme'],
): Peer {
  const direct = addressOf(socket);
  const origin = originOf(socket);
  const scheme = 'encrypted' in socket ? 'https' : origin === undefined ? 'http' : balanced;
  const host = request.get('host') ?? '';
  // A proxy that passes bytes on without saying whose: the headers are then anybody's words.
  const anonymous = origin?.named === false;
  if (anonymous || !isTrusted(direct, trusted)) return { address: direct, scheme, host, via: 'provider' };
  const claimed = request
    .getAll('x-forwarded-for')
    .flatMap((line) => line.split(','))
    .map((entry) => entry.trim().replace(/^::ffff:/, ''));
  const address = claimed.findLast((entry) => !isListed(entry, trusted));
  const proto = request.getAll('x-forwarded-proto').at(-1)?.split(',').at(-1)?.trim().toLowerCase();
  return {
    address: address !== undefined && isIP(address) !== 0 ? address : direct,
    scheme: proto === 'https' || proto === 'http' ? proto : scheme,
    host,
    via: 'provider',
  };
}

/**
 * Whether a socket's other end is a proxy of ours.
 *
 * @param trusted must not change once it was asked
 */
export function isTrusted(address: string, trusted: BlockList): boolean {
  let verdicts = known.get(trusted);
  if (verdicts === undefined || verdicts.size >= MAX_VERDICTS) {
    verdicts = new Map();
    known.set(trusted, verdicts);
  }
  let verdict = verdicts.get(address);
  if (verdict === undefined) {
    verdict = isListed(address, trusted);
    verdicts.set(address, verdict);
  }
  return verdict;
}

/** A list makes several objects for each answer, and is asked about the same few for each request. */
const known = new WeakMap<BlockList, Map<string, boolean>>();
const MAX_VERDICTS = 1_024;

function isListed(address: string, trusted: BlockList): boolean {
  const family = isIP(address);
  return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
