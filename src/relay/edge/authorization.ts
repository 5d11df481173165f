import { createHash } from 'node:crypto';
import { sameDigest } from '../../access/compare.ts';
import type { Secret } from '../../core/secret.ts';

/** What an agent asks for. */
export interface Registration {
  /** Empty: whatever name the token stands for. */
  readonly name: string;
  readonly token: string;
  /** Where the agent dials from, for those whose tokens may be too short to be a secret. */
  readonly address?: string;
}

/** The token is good for several names, of which none was asked for. */
export interface NameOffer {
  /** As the operator wrote them; `*` stands for any text. */
  readonly patterns: readonly string[];
  /** What the agent gets that chooses this one. */
  pick(name: string): Authorization;
}

export type Authorization =
  /** `identity` owns the name while it is in use: the same one takes over, another is refused. */
  | {
      readonly ok: true;
      readonly identity: string;
      /** The name it gets, when it is not the one it asked for. */
      readonly name?: string;
    }
  | {
      readonly ok: false;
      readonly reason: 'credential' | 'nameTaken' | 'nameInvalid' | 'nameDenied' | 'overloaded' | 'suspended';
      readonly detail: string;
      /** For agents with a user at the keyboard; others are refused with `detail`. */
      readonly offer?: NameOffer;
    };

export type Authorize = (registration: Registration) => Promise<Authorization>;

/** The embedded relay's rule: the daemon's own secret opens any name. */
export function authorizeWithSecret(secret: Secret): Authorize {
  const expected = digest(secret.reveal());
  return ({ token }) => {
    const ok = sameDigest(digest(token), expected);
    return Promise.resolve(
      ok
        ? { ok: true, identity: 'owner' }
        : { ok: false, reason: 'credential', detail: 'the token is not valid on this relay' },
    );
  };
}

/** Of one length whatever the token's, which is what a constant-time comparison needs. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
