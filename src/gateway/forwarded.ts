import type { Peer, RequestHead } from '../core/exchange.ts';

/**
 * Who is calling, for an exchange that came over the gateway's own port. When a provider's agent is
 * what connects there, the last entry of each header is the one that agent's edge appended; anything
 * before it may be the caller's invention.
 *
 * @param trusted only the provider's agent is expected on the port
 */
export function callerOf(request: RequestHead, peer: Peer, trusted: boolean): Peer {
  if (peer.via === 'provider' || !trusted) return peer;
  const address = lastEntry(request, 'x-forwarded-for');
  if (address === undefined || !ADDRESS.test(address)) return peer;
  const scheme = lastEntry(request, 'x-forwarded-proto')?.toLowerCase();
  const host = lastEntry(request, 'x-forwarded-host');
  return {
    address,
    scheme: scheme === 'https' || scheme === 'http' ? scheme : peer.scheme,
    host: host !== undefined && HOST.test(host) ? host : peer.host,
    via: 'provider',
  };
}

/** How the caller calls the tunnel, for the URLs it is given. */
export function publicSide(
  peer: Peer,
  publicUrl: URL | undefined,
): { readonly origin: string; readonly publicHosts: readonly string[] } {
  const called = `${peer.scheme}://${peer.host}`;
  const asCalled = URL.canParse(called) ? new URL(called) : undefined;
  // What the provider says of the scheme is surer than what a proxy in front of it may have hidden.
  const origin = (peer.via === 'provider' ? publicUrl : undefined)?.origin ?? asCalled?.origin ?? '';
  const hosts = [publicUrl?.host, asCalled?.host].filter((host) => host !== undefined && host !== '');
  return { origin, publicHosts: hosts as string[] };
}

function lastEntry(request: RequestHead, name: string): string | undefined {
  return request.getAll(name).at(-1)?.split(',').at(-1)?.trim();
}

const ADDRESS = /^[0-9A-Fa-f.:[\]]{2,64}$/;
const HOST = /^[A-Za-z0-9._:[\]-]{1,255}$/;
