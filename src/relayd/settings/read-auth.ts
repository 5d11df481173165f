import { isReference } from '../../config/secret-fields.ts';
import { resolveSecret } from '../../config/secrets.ts';
import { TunneldError } from '../../core/errors.ts';
import { sha256Hex } from '../../core/sha256.ts';
import { faultOfPattern, parseGrants, type TokenGrant } from '../static-tokens.ts';
import type { RelayConfig, TokenEntry } from './keys.ts';
import type { RelayAuth } from './relay-settings.ts';

type OnNote = (note: string) => void;

export interface AuthSources {
  readonly env: NodeJS.ProcessEnv;
  /** What entries that are no references are called in messages: they are secret. */
  readonly place: string;
  readonly onNote: OnNote;
}

/** Of the keys that say who may register: no one has a mistake by itself, and no two contradict each other. */
export type AuthKeys = Pick<RelayConfig, 'staticToken' | 'authUrl' | 'authSecret' | 'routing'>;

/**
 * Reads what the secrets stand for, and finds out whether anybody could come in with them.
 *
 * @throws {TunneldError} `SECRET_UNAVAILABLE`; `USAGE` for tokens that nobody could use
 */
export function readAuth(
  { staticToken, authUrl, authSecret, routing }: AuthKeys,
  sources: AuthSources,
): RelayAuth {
  if (staticToken !== undefined) return staticAuth(staticToken, routing, sources);
  if (authUrl === undefined || authSecret === undefined) return { kind: 'open' };
  return {
    kind: 'provider',
    url: new URL(authUrl),
    secret: resolveSecret(authSecret, sources.env, sources.onNote),
  };
}

function staticAuth(
  entries: readonly TokenEntry[],
  routing: RelayConfig['routing'],
  { env, place, onNote }: AuthSources,
): RelayAuth {
  const grants = (onNote?: OnNote) => {
    const found = entries.flatMap((entry) => grantsOf(entry, place, env, onNote));
    // The same token twice: the last counts.
    return [...new Map(found.map((grant) => [grant.sha256, grant])).values()];
  };
  const found = grants(onNote);
  if (found.length === 0) throw new TunneldError('USAGE', 'names no token at all');
  const useless = found
    .flatMap(({ patterns }) => patterns)
    .flatMap((pattern) => {
      const fault = faultOfPattern(pattern, routing);
      return fault === undefined ? [] : [`${pattern} (${fault})`];
    });
  if (useless.length > 0) {
    // Nobody would find out before asking for one of them.
    throw new TunneldError('USAGE', `no tunnel can have these names: ${useless.join('; ')}`);
  }
  const mayChange = entries.some((entry) => sourceOf(entry).startsWith('file:'));
  return { kind: 'static', grants: () => grants(), mayChange };
}

function grantsOf(
  entry: TokenEntry,
  place: string,
  env: NodeJS.ProcessEnv,
  onNote?: OnNote,
): readonly TokenGrant[] {
  const written = sourceOf(entry);
  const secret = resolveSecret(written, env, onNote).reveal();
  if (typeof entry !== 'string') return [{ sha256: sha256Hex(secret), patterns: entry.names }];
  return parseGrants(secret, isReference(written) ? written : place);
}

function sourceOf(entry: TokenEntry): string {
  return typeof entry === 'string' ? entry : entry.token;
}
