import { sameDigest } from '../access/compare.ts';
import { TunneldError } from '../core/errors.ts';
import { sha256Hex } from '../core/sha256.ts';
import { matchesPattern, usableName } from '../relay/edge/name-choice.ts';
import type { RoutingKind } from '../relay/edge/routing.ts';

/** A token of an agent, by its hash, and the names it may have. */
export interface TokenGrant {
  /** SHA-256, hexadecimal: also the identity that owns the names. */
  readonly sha256: string;
  readonly patterns: readonly string[];
}

/**
 * Reads `TOKEN:NAME[,NAME…]` entries, one a line or separated by blanks. Lines that start with `#`
 * are comments. The same token twice: the last counts.
 *
 * @param source where the text is from, for the message; the text itself is secret
 * @throws {TunneldError} `USAGE`
 */
export function parseGrants(text: string, source: string): readonly TokenGrant[] {
  const grants = new Map<string, TokenGrant>();
  const words = text
    .split('\n')
    .filter((line) => !line.trim().startsWith('#'))
    .flatMap((line) => line.replaceAll(/\s*,\s*/g, ',').split(/\s+/))
    .filter((word) => word !== '');
  for (const [index, word] of words.entries()) {
    const colon = word.indexOf(':');
    const token = word.slice(0, Math.max(0, colon));
    const patterns = word
      .slice(colon + 1)
      .split(',')
      .filter((pattern) => pattern !== '');
    if (token === '' || patterns.length === 0) {
      throw new TunneldError('USAGE', `Entry ${index + 1} of ${source} is not TOKEN:NAME[,NAME…]`);
    }
    const sha256 = sha256Hex(token);
    grants.set(sha256, { sha256, patterns });
  }
  return [...grants.values()];
}

/** Compares every entry, so that the time it takes does not tell which one matched. */
export function findGrant(grants: readonly TokenGrant[], token: string): TokenGrant | undefined {
  const digest = Buffer.from(sha256Hex(token), 'hex');
  let found: TokenGrant | undefined;
  for (const grant of grants) {
    if (sameDigest(Buffer.from(grant.sha256, 'hex'), digest)) found = grant;
  }
  return found;
}

/** Whether the token of this hash is still granted `name`. */
export function isGranted(grants: readonly TokenGrant[], sha256: string, name: string): boolean {
  return grants.some(
    (grant) => grant.sha256 === sha256 && grant.patterns.some((pattern) => matchesPattern(name, pattern)),
  );
}

/** Why no tunnel can have a name that matches: the pattern is checked with a letter in place of its star. */
export function faultOfPattern(pattern: string, routing: RoutingKind): string | undefined {
  const choice = usableName(pattern.replace('*', 'x'), routing);
  if (choice.ok) return undefined;
  if (choice.detail.endsWith('is reserved')) return 'reserved';
  return 'names are lower-case letters, digits and dashes, with no dash at the ends, 63 at most';
}
