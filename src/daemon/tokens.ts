import { randomUUID } from 'node:crypto';
import type { EdgeAccess } from '../access/edge-access.ts';
import { newAccessToken } from '../config/access-token.ts';
import type { TunnelConfig } from '../config/schema.ts';
import type { StoredToken } from '../config/state-schema.ts';
import type { Secret } from '../core/secret.ts';
import { sha256Hex } from '../core/sha256.ts';

/** More than this many graces at once means a script rotates in a loop; the oldest ends early. */
const MAX_TOKENS = 8;

export interface GatewayToken {
  readonly id: string;
  /** Hex. */
  readonly sha256: string;
  /** Unix milliseconds. */
  readonly notAfter?: number;
}

/** Makes a token; those that still work go on working until their own end or the end of the grace. */
export function rotated(
  tokens: readonly StoredToken[],
  now: number,
  graceMs: number,
): readonly StoredToken[] {
  const until = now + graceMs;
  const old = usable(tokens, now).map((token) => ({
    ...token,
    notAfter: Math.min(token.notAfter ?? Number.POSITIVE_INFINITY, until),
  }));
  return [made(newAccessToken(), now), ...(graceMs > 0 ? old : [])].slice(0, MAX_TOKENS);
}

export function usable(tokens: readonly StoredToken[], now: number): readonly StoredToken[] {
  return tokens.filter(({ notAfter }) => notAfter === undefined || notAfter > now);
}

export function made(value: Secret, now: number): StoredToken {
  return { id: randomUUID().slice(0, 8), value, createdAt: now };
}

/** What the gateway needs to check a token, and no more. */
export function hashed({ id, value, notAfter }: StoredToken): GatewayToken {
  const sha256 = sha256Hex(value.reveal());
  return notAfter === undefined ? { id, sha256 } : { id, sha256, notAfter };
}

/** What a relay needs to turn strangers away; undefined where no token is needed. */
export function edgeAccessOf(
  { access }: TunnelConfig,
  tokens: readonly StoredToken[],
  now: number,
): EdgeAccess | undefined {
  if (access.insecurePublic) return undefined;
  return {
    tokens: usable(tokens, now).map((token) => {
      const { sha256, notAfter } = hashed(token);
      return notAfter === undefined ? { sha256 } : { sha256, validForMs: notAfter - now };
    }),
    query: access.queryToken,
    preflight: access.origins.length > 0,
    ...(access.origins.length > 0 && { origins: access.origins }),
  };
}
