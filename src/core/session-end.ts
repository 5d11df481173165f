import { TunneldError } from './errors.ts';

/**
 * Why a session ended, or the link it was served over. Whether another attempt makes sense, not
 * sooner than when, and what the user can do are the error's to say.
 */
export type SessionEnd =
  | { readonly reason: 'closed-by-us' }
  | { readonly reason: 'ended'; readonly error: TunneldError };

/** A session that broke off for no reason with a code of its own: worth another attempt. */
export function lost(detail: string): SessionEnd {
  return { reason: 'ended', error: new TunneldError('SESSION_LOST', detail) };
}
