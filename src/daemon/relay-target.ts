import { createHmac } from 'node:crypto';
import type { TunnelConfig } from '../config/schema.ts';
import { resolveSecret } from '../config/secrets.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import { Secret } from '../core/secret.ts';

export interface RelayTarget {
  relayUrl(): URL;
  readonly relayToken: Secret;
  readonly relayName?: string;
  readonly relayPublicHosts?: readonly string[];
  readonly relayLinks?: 1 | 2;
}

/**
 * The relay a tunnel goes through: the one in the daemon, or the one its configuration names.
 *
 * A relay of others never learns the daemon's own secret. Without a token for it, one is derived
 * that is the same each time, so that names there stay ours.
 *
 * @throws {TunneldError} `SECRET_UNAVAILABLE`
 */
export function relayTargetOf(
  { relay }: TunnelConfig,
  env: NodeJS.ProcessEnv,
  embedded: { readonly url: URL; readonly secret: Secret },
): RelayTarget {
  if (relay === undefined) return { relayUrl: () => embedded.url, relayToken: embedded.secret };
  const url = new URL(relay.url);
  const own = () =>
    new Secret(createHmac('sha256', embedded.secret.reveal()).update(url.origin).digest('base64url'));
  return {
    relayUrl: () => url,
    relayToken: relay.token === undefined ? own() : resolveSecret(relay.token, env),
    ...(relay.name === undefined ? {} : { relayName: relay.name }),
    relayPublicHosts: relay.publicHosts,
    relayLinks: relay.links,
  };
}

/** Reached without any network. */
export function isOnThisMachine({ provider, relay }: TunnelConfig): boolean {
  if (provider !== 'relay') return false;
  return relay === undefined || isLoopbackHost(new URL(relay.url).hostname);
}
