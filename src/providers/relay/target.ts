import { createHmac } from 'node:crypto';
import { Secret } from '../../core/secret.ts';
import { derivedName } from '../../relay/edge/name-choice.ts';
import type { ProviderSetup } from '../kind.ts';
import { NAME_FROM_TOKEN, type RelayConfig } from './schema.ts';

interface RelayTarget {
  relayUrl(): URL;
  readonly token: Secret;
  /** The configuration gives none. */
  readonly tokenMadeUp?: boolean;
  readonly name?: string;
  readonly publicHosts?: readonly string[];
  readonly links?: 1 | 2;
}

/**
 * The relay a tunnel goes through: the one in the daemon, or the one its configuration names.
 *
 * A relay of others never learns the daemon's own secret. Without a token for it, one is derived
 * that is the same each time, so that names there stay ours.
 *
 * @throws {TunneldError} `SECRET_UNAVAILABLE`
 */
export function relayTargetOf({ config, secret, embeddedRelay }: ProviderSetup<RelayConfig>): RelayTarget {
  if (config === undefined) return { relayUrl: () => embeddedRelay.url, token: embeddedRelay.secret };
  const url = new URL(config.url);
  const own = () =>
    new Secret(createHmac('sha256', embeddedRelay.secret.reveal()).update(url.origin).digest('base64url'));
  const token = config.token === undefined ? own() : secret(config.token);
  const name = config.name === NAME_FROM_TOKEN ? derivedName(token.reveal()) : config.name;
  return {
    relayUrl: () => url,
    token,
    ...(name === undefined ? {} : { name }),
    tokenMadeUp: config.token === undefined,
    publicHosts: config.publicHosts,
    links: config.links,
  };
}
