import { randomBytes } from 'node:crypto';
import { Secret } from '../core/secret.ts';

/** Lets people and secret scanners recognise a leaked token. */
const PREFIX = 'tnl_';
const TOKEN_BYTES = 32;

/** A new access token: 256 random bits. `gen-key`, `up` and `token rotate` all make them here. */
export function newAccessToken(random: (bytes: number) => Buffer = randomBytes): Secret {
  return new Secret(PREFIX + random(TOKEN_BYTES).toString('base64url'));
}

export const WEAK_TOKEN = 'Expected at least 16 characters, all of them letters, digits or one of . _ ~ -';

/**
 * Whether a token somebody chose can be used. It has to survive a URL path segment and a header
 * unchanged, and must not be guessable by trying.
 */
export function isUsableToken(text: string): boolean {
  return /^[A-Za-z0-9._~-]{16,512}$/.test(text);
}
