import type { Route } from './path-routing.ts';

/**
 * `figma.tunnel.example.com` is the tunnel `figma` of the relay `tunnel.example.com`. The base domain
 * is compared in full: with only the first label looked at, any name that points here would do.
 *
 * @param host the Host header, with or without a port
 * @param domain the relay's own host name, lower case
 * @returns undefined when no tunnel can be meant
 */
export function routeHost(host: string, target: string, domain: string): Route | undefined {
  const hostname = host.replace(/:\d*$/, '').toLowerCase();
  if (!hostname.endsWith(`.${domain}`)) return undefined;
  const name = hostname.slice(0, -domain.length - 1);
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(name) ? { name, target } : undefined;
}
