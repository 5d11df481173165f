import type { ServerNames } from './server-names.ts';

/** Where a caller stands, as far as it matters to the URLs it is given. */
export interface CallerSide {
  readonly names: ServerNames;
  /** What the server was asked for. */
  readonly target: string;
  /** In front of the server's paths where the relay routes by path (`/figma`); else empty. The server knows it. */
  readonly routing: string;
  /** `/t/<token>` when the caller came by it; else empty. No server knows it. */
  readonly secret: string;
  /** `https://relay.example`, as the caller calls it. */
  readonly origin: string;
  /** `host:port` of the public URL, without the port that its scheme implies. */
  readonly publicHosts: readonly string[];
}

/**
 * Turns references of the server's into what leads its caller back to it. Servers name themselves by
 * paths, by the address they listen on, or by the public one, with or without the prefix that they
 * are told of; what is there already is not put there twice.
 */
export class ServerLinks {
  readonly #side: CallerSide;
  readonly #base: string;

  constructor(side: CallerSide) {
    this.#side = side;
    this.#base = side.names.base + (side.target.startsWith('/') ? side.target : '/');
  }

  /**
   * @param reference a URL or a path (latin1)
   * @returns a path, or a reference that needs no change; undefined when it leads to another server
   */
  path(reference: string, withSecret = true): string | undefined {
    return this.#led(reference, withSecret, '');
  }

  /** The same, but what was a whole URL is one again. */
  url(reference: string, withSecret = true): string | undefined {
    return this.#led(reference, withSecret, this.#side.origin);
  }

  /** Where a cookie of the server's counts: a token has no place in a jar, so that its tunnel is all it says. */
  cookiePath(path: string): string {
    const { routing, secret } = this.#side;
    if (secret !== '') return routing === '' ? '/' : routing;
    const own = this.#withoutFront(path);
    return routing === '' ? own : routing + (own === '/' ? '' : own);
  }

  /** Whether a cookie's domain is that of the caller's URL or above it; other ones are refused by clients. */
  coversCaller(domain: string): boolean {
    const name = domain.replace(/^\./, '').toLowerCase();
    return name !== '' && this.#side.publicHosts.some((host) => `.${hostOf(host)}`.endsWith(`.${name}`));
  }

  #led(reference: string, withSecret: boolean, origin: string): string | undefined {
    const url = parsed(reference, this.#base);
    if (url === undefined) return reference;
    const text = reference.replace(BLANKS, '');
    // `https:/x` is a path or another host, as the scheme of the caller's own URL will have it.
    if (!this.#isServer(url) || HALF_ABSOLUTE.test(text)) return undefined;
    const authority = AUTHORITY.exec(text)?.[0];
    const rest = text.slice(authority?.length ?? 0);
    // What is relative to the caller's own URL needs nothing, unless it climbs out of it.
    if (authority === undefined && !/^[/\\]/.test(text) && !CLIMBS.test(text)) return reference;
    const rooted = authority !== undefined && !rest.startsWith('/') ? `/${rest}` : rest;
    // Clients take the dots out, and with them the prefix, so they are taken out before.
    const path = PLAIN.test(rooted) && !CLIMBS.test(rooted) ? rooted : url.pathname + url.search + url.hash;
    return (authority === undefined ? '' : origin) + this.#placed(path, withSecret);
  }

  #isServer(url: URL): boolean {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return false;
    return this.#side.names.has(url) || this.#side.publicHosts.includes(url.host);
  }

  #placed(path: string, withSecret: boolean): string {
    const { routing, secret } = this.#side;
    const front = withSecret ? routing + secret : routing;
    // OAuth puts its well-known part in front of the path of what it is about (RFC 9728, RFC 8414).
    const own = this.#withoutFront(path);
    const wellKnown = WELL_KNOWN.exec(own)?.[0];
    // Two slashes in front would be another host.
    if (wellKnown === undefined) return front === '' && own.startsWith('//') ? `/.${own}` : front + own;
    return wellKnown + front + this.#withoutFront(own.slice(wellKnown.length));
  }

  /** The path without a prefix that the server, or whoever configured it, has put there. */
  #withoutFront(path: string): string {
    const { routing, secret, target } = this.#side;
    // A server may have paths of its own that begin with the tunnel's name.
    const told = isUnder(target, routing) ? routing + routing : routing;
    const own = isUnder(path, told) ? path.slice(routing.length) : path;
    return isUnder(own, secret) ? own.slice(secret.length) : own;
  }
}

/** The server that a reference leads to, for a log: the rest of it may be a secret. */
export function serverIn(reference: string): string {
  const text = reference.replace(BLANKS, '');
  return URL.canParse(text) ? new URL(text).origin : (AUTHORITY.exec(text)?.[0] ?? '');
}

function hostOf(authority: string): string {
  return authority.replace(/:\d+$/, '');
}

function isUnder(path: string, prefix: string): boolean {
  if (prefix === '' || !path.startsWith(prefix)) return false;
  const next = path[prefix.length];
  return next === undefined || next === '/' || next === '?' || next === '#';
}

/** As clients read it; the bytes of a header or an event are UTF-8, if they are anything. */
function parsed(reference: string, base: string): URL | undefined {
  const text = NOT_ASCII.test(reference) ? Buffer.from(reference, 'latin1').toString('utf8') : reference;
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

const NOT_ASCII = /[\x80-\xff]/;
/** Taken off around a URL, and out of it, by every parser of URLs. */
const BLANKS = /^[\0-\x20]+|[\0-\x20]+$|[\t\r\n]/g;
const AUTHORITY = /^(?:https?:)?[/\\]{2,}[^/?#\\]*/i;
const HALF_ABSOLUTE = /^https?:(?![/\\]{2})/i;
const PLAIN = /^\/(?![/\\])[^\\]*$/;
/** `..` as a segment of the path, however it is written. */
const CLIMBS = /^[^?#]*?(?:^|[/\\])(?:\.|%2e){1,2}(?:[/\\?#]|$)/i;
const WELL_KNOWN =
  /^\/\.well-known\/(?:oauth-protected-resource|oauth-authorization-server|openid-configuration)(?=[/?#]|$)/;
