import { isLoopbackHost } from '../../core/loopback.ts';

/**
 * Where visitors reach a name. The relay always says `https://<name>.<domain>`: it knows neither its
 * own port nor whether anything in front of it speaks TLS. The address it was dialled at does, as
 * long as it is the relay's public one: one port serves agents and visitors alike.
 *
 * @param claimed what the acknowledgement says
 * @param relayUrl what was dialled
 */
export function publicUrlOf(claimed: URL, relayUrl: URL): URL {
  const host = claimed.hostname;
  const dialled = relayUrl.hostname;
  // Dialled by another name (inside a network, past the proxy): that says nothing of visitors.
  const sameRelay = host === dialled || host.endsWith(`.${dialled}`) || isLocal(host, dialled);
  if (!sameRelay) return new URL(claimed.origin);
  const scheme = relayUrl.protocol.replace(/^ws/, 'http');
  return new URL(`${scheme}//${host}${relayUrl.port === '' ? '' : `:${relayUrl.port}`}`);
}

/** `figma.localhost` of a relay on this machine. */
function isLocal(host: string, dialled: string): boolean {
  return host.endsWith('.localhost') && isLoopbackHost(dialled);
}
