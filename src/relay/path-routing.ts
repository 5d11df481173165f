/** Usable as a path segment and as a DNS label; never starts like the relay's own `/_tunneld`. */
export const RELAY_NAME = /^[a-z][a-z0-9-]{0,31}$/;

export interface PathRoute {
  /** First segment of the path, as sent. */
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
export function routePath(target: string): PathRoute | undefined {
  const match = /^\/([a-z][a-z0-9-]{0,31})(?=[/?]|$)(.*)$/.exec(target);
  if (match === null) return undefined;
  const [, name = '', rest = ''] = match;
  // `//host/path` is an address to some URL parsers.
  if (rest.startsWith('//')) return undefined;
  return { name, target: rest.startsWith('/') ? rest : `/${rest}` };
}

/**
 * OAuth clients look for their metadata at the root of the host, where no tunnel lives. They expect
 * a JSON 404 there; anything else is reported to users as a broken server.
 */
export function isOAuthPath(target: string): boolean {
  return /^\/(?:\.well-known\/(?:oauth-[a-z-]+|openid-configuration)(?=[/?]|$)|(?:register|authorize|token)(?=[?]|$))/.test(
    target,
  );
}
