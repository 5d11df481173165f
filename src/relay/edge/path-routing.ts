/** Usable as a path segment and as a DNS label; never starts like the relay's own `/_tunneld`. */
export const RELAY_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Which tunnel a request is for. */
export interface Route {
  /** As sent: the first segment of the path, or the first label of the host. */
  readonly name: string;
  /** What the tunnel's gateway is asked for. */
  readonly target: string;
}

/**
 * `/figma/mcp?x=1` is `/mcp?x=1` of the tunnel `figma`. Nothing is decoded or normalised: what two
 * parsers could read differently must reach the upstream as it was sent, or not at all.
 *
 * @returns undefined when no tunnel can be meant
 */
export function routePath(target: string): Route | undefined {
  const match = /^\/([a-z0-9][a-z0-9-]{0,62})(?=[/?]|$)(.*)$/.exec(target);
  if (match === null) return undefined;
  const [, name = '', rest = ''] = match;
  // `//host/path` is an address to some URL parsers.
  if (rest.startsWith('//')) return undefined;
  return { name, target: rest.startsWith('/') ? rest : `/${rest}` };
}

/**
 * OAuth clients look for the metadata of `https://host/figma/mcp` with the well-known part in front of
 * the path (RFC 9728 §3.1, RFC 8414 §3.1): `/.well-known/oauth-protected-resource/figma/mcp`. The server
 * behind the tunnel is asked what it would be asked without the tunnel's name.
 *
 * @returns undefined when the path is not of that kind, or names no tunnel
 */
export function routeWellKnown(target: string): Route | undefined {
  const match = WELL_KNOWN.exec(target);
  const route = match === null ? undefined : routePath(target.slice((match[1] as string).length));
  if (route === undefined) return undefined;
  // `/figma` itself has no path of its own: nothing is to follow then.
  const rest = route.target.replace(/^\/(?=$|\?)/, '');
  return { name: route.name, target: `${match?.[1]}${rest}` };
}

const WELL_KNOWN =
  /^(\/\.well-known\/(?:oauth-protected-resource|oauth-authorization-server|openid-configuration))\//;
