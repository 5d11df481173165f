import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../core/secret.ts';

/** What an agent asks for. */
export interface Registration {
  readonly name: string;
  readonly token: string;
}

export type Authorization =
  /** `identity` owns the name while it is in use: the same one takes over, another is refused. */
  | { readonly ok: true; readonly identity: string }
  | { readonly ok: false; readonly reason: 'credential' | 'nameTaken'; readonly detail: string };

export type Authorize = (registration: Registration) => Promise<Authorization>;

/** The embedded relay's rule: whoever knows the daemon's own secret may have any name. */
export function authorizeWithSecret(secret: Secret): Authorize {
  const expected = digest(secret.reveal());
  return ({ token }) => {
    const ok = timingSafeEqual(digest(token), expected);
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
