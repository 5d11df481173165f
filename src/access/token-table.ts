import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { equalsInConstantTime, sameDigest } from './compare.ts';

/** An access token as the gateway knows it: by its hash. */
export interface AccessToken {
  readonly id: string;
  /** SHA-256 of the token, hexadecimal. */
  readonly sha256: string;
  /** Not valid from here on (Unix milliseconds): the old token of a rotation. */
  readonly notAfter?: number;
}

/** The tokens that are valid now. Several may be, while one replaces another. */
export class TokenTable {
  readonly #clock: Clock;
  #entries: Entry[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(tokens: readonly AccessToken[]): void {
    this.#entries = tokens.map(({ id, sha256, notAfter }) => ({
      id,
      digest: Buffer.from(sha256, 'hex'),
      notAfter: notAfter ?? Number.POSITIVE_INFINITY,
      verified: undefined,
    }));
  }

  /** @returns the id of the token that `value` is, or undefined */
  verify(value: string): string | undefined {
    const now = this.#clock.now();
    let digest: Buffer | undefined;
    for (const entry of this.#entries) {
      if (entry.notAfter <= now) continue;
      if (entry.verified !== undefined && equalsInConstantTime(value, entry.verified)) return entry.id;
      digest ??= createHash('sha256').update(value, 'latin1').digest();
      if (sameDigest(entry.digest, digest)) {
        entry.verified = value;
        return entry.id;
      }
    }
    return undefined;
  }
}

interface Entry {
  readonly id: string;
  readonly digest: Buffer;
  readonly notAfter: number;
  /** The token itself once a caller showed it: hashing costs more than the rest of a request's checks. */
  verified: string | undefined;
}
