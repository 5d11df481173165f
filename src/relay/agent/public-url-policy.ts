import { TunneldError } from '../../core/errors.ts';
import { isLoopbackHost } from '../../core/loopback.ts';

/**
 * Whether a relay may name this public URL. The daemon probes it with the tunnel's token, and users
 * paste it into their clients: a relay must not send either of them elsewhere. The host has to be the
 * relay's own or below it, or one the user allowed, and the scheme not weaker than that of the link.
 *
 * @param allowed `tunnel.example.com` stands for itself and what is below it, with `:8443` for that port only
 * @throws {TunneldError} `RELAY_PUBLIC_URL`
 */
export function assertPublicUrl(publicUrl: URL, relayUrl: URL, allowed: readonly string[]): void {
  const refuse = (what: string, remedy?: string) =>
    new TunneldError(
      'RELAY_PUBLIC_URL',
      `The relay ${relayUrl.host} names the public URL ${publicUrl.origin}: ${what}`,
      remedy === undefined ? {} : { remedy },
    );
  if (publicUrl.protocol !== 'https:' && publicUrl.protocol !== 'http:')
    throw refuse('it is not an address of HTTP');
  if (publicUrl.username !== '' || publicUrl.password !== '') throw refuse('it contains credentials');
  if (isSecure(relayUrl) && publicUrl.protocol !== 'https:') {
    throw refuse('tokens would travel in clear, while the link to the relay is encrypted', SCHEME_REMEDY);
  }
  if (allowed.some((entry) => isAllowed(publicUrl, entry)) || isRelaysOwn(publicUrl, relayUrl)) return;
  throw refuse(
    'that is not the relay that was dialled',
    `If that address is known to be this relay's, allow it: --relay-public-host ${publicUrl.host}, or \`relay.publicHosts\` in tunneld.yaml.`,
  );
}

const SCHEME_REMEDY = 'Ask the operator of the relay to give it an https: public URL.';

function isSecure({ protocol }: URL): boolean {
  return protocol === 'https:' || protocol === 'wss:';
}

function isRelaysOwn(publicUrl: URL, relayUrl: URL): boolean {
  const [host, relay] = [publicUrl.hostname, relayUrl.hostname];
  // Another port of this machine belongs to another service.
  if (isLocal(host)) return isLocal(relay) && portOf(publicUrl) === portOf(relayUrl);
  return isAtOrBelow(host, relay);
}

function isAllowed(publicUrl: URL, entry: string): boolean {
  const { host, port } = splitEntry(entry.toLowerCase());
  return isAtOrBelow(publicUrl.hostname, host) && (port === undefined || port === portOf(publicUrl));
}

/** `[::1]:8443` keeps its brackets, as in a URL. */
function splitEntry(entry: string): { host: string; port: number | undefined } {
  const match = /^(.*?)(?::(\d+))?$/.exec(entry);
  const port = match?.[2];
  return { host: match?.[1] ?? entry, port: port === undefined ? undefined : Number(port) };
}

function isAtOrBelow(host: string, parent: string): boolean {
  if (host === parent) return true;
  // An address has nothing below it.
  return /[a-z]/.test(parent) && !parent.startsWith('[') && host.endsWith(`.${parent}`);
}

function portOf(url: URL): number {
  return Number(url.port) || (isSecure(url) ? 443 : 80);
}

/** Also `figma.localhost`, which resolvers keep to this machine (RFC 6761 §6.3). */
function isLocal(host: string): boolean {
  return isLoopbackHost(host) || host.endsWith('.localhost');
}
