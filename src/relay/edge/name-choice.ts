import { sha256Hex } from '../../core/sha256.ts';
import type { RoutingKind } from './routing.ts';

/** Names that visitors, browsers or certificate authorities would take for the operator's own. */
const RESERVED = wordSet(
  'admin api app authorize autoconfig autodiscover dashboard ftp healthz imap localhost mail metrics ns1 ns2 postmaster readyz register relay root smtp status token tunneld webmail wpad www',
);
/**
 * By path, also what servers and their clients ask for at the root of an origin: a redirect to `/mcp/`
 * that lost the name of its tunnel would lead to somebody else, with the caller's credentials.
 */
const RESERVED_IN_PATHS = wordSet(
  'assets auth authorization callback consent event events favicon health introspect jsonrpc jwks login logout mcp message messages oauth oauth2 oidc openid revoke robots rpc session sessions signin signout sse sso static stream t userinfo v1 v2 well-known ws',
);
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export type NameChoice =
  | { readonly ok: true; readonly name: string }
  | {
      readonly ok: false;
      readonly reason: 'nameInvalid' | 'nameDenied';
      readonly detail: string;
      /** The patterns to choose from: another name may do. */
      readonly offer?: readonly string[];
    };

/**
 * The name an agent gets whose token stands for `allowed` patterns: the one it asked for when that
 * matches, else the only concrete one there is.
 *
 * @param requested empty when the agent has no wish
 */
export function chooseName(requested: string, allowed: readonly string[], routing: RoutingKind): NameChoice {
  if (requested !== '' && allowed.some((pattern) => matchesPattern(requested, pattern))) {
    return usableName(requested, routing);
  }
  const [only] = allowed;
  if (only !== undefined && allowed.length === 1 && !only.includes('*')) return usableName(only, routing);
  const wish = requested === '' ? 'say which name you want' : `the token is not for the name ${requested}`;
  const list = allowed.length === 0 ? 'none' : allowed.join(', ');
  return { ok: false, reason: 'nameDenied', detail: `${wish}; it may have: ${list}`, offer: allowed };
}

/** The name of an agent that was offered the patterns and chose. */
export function pickName(picked: string, allowed: readonly string[], routing: RoutingKind): NameChoice {
  if (allowed.some((pattern) => matchesPattern(picked, pattern))) return usableName(picked, routing);
  const detail = `subdomain '${picked}' not authorized for this token`;
  return { ok: false, reason: 'nameDenied', detail };
}

/** Anybody's name on an open relay: the one asked for, else the one that follows from the token. */
export function openName(requested: string, token: string, routing: RoutingKind): NameChoice {
  return usableName(requested === '' ? derivedName(token) : requested, routing);
}

/** Twelve hexadecimal digits of the token's SHA-256: the same token has the same name every time. */
export function derivedName(token: string): string {
  return sha256Hex(token).slice(0, 12);
}

/** One `*` stands for any text, also none; a second one is a letter like others. */
export function matchesPattern(name: string, pattern: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return name === pattern;
  const [prefix, suffix] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return name.length >= prefix.length + suffix.length && name.startsWith(prefix) && name.endsWith(suffix);
}

/** Usable as a DNS label and in a path, and not easily mistaken for another name. */
export function usableName(name: string, routing: RoutingKind): NameChoice {
  if (!DNS_LABEL.test(name) || name.startsWith('xn--')) {
    return { ok: false, reason: 'nameInvalid', detail: 'the name is not usable as a host name' };
  }
  if (RESERVED.has(name) || (routing === 'path' && RESERVED_IN_PATHS.has(name))) {
    return { ok: false, reason: 'nameInvalid', detail: `the name ${name} is reserved` };
  }
  return { ok: true, name };
}

function wordSet(words: string): ReadonlySet<string> {
  return new Set(words.split(' '));
}
