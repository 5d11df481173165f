import type { StoredToken } from '../config/state-schema.ts';
import type { TokenReveal } from '../control/api.ts';
import { TunneldError } from '../core/errors.ts';
import type { Definitions } from './definitions.ts';
import { rotated, usable } from './tokens.ts';
import type { Tunnel } from './tunnel.ts';

/** @param now Unix milliseconds */
export function showToken(tunnel: Tunnel, definitions: Definitions, now: number): TokenReveal {
  const { name, probeKey } = tunnel;
  const revealed = reveal(name, definitions.tokensOf(name, tunnel.definition), now);
  return probeKey === undefined ? revealed : { ...revealed, probeKey };
}

/**
 * Makes a new token, on the disk before it is told.
 *
 * @param graceMs how long the old one goes on working (milliseconds)
 * @param now Unix milliseconds
 * @throws {TunneldError} `CONFIG_INVALID` where the token is the configuration's
 */
export function rotateToken(
  tunnel: Tunnel,
  definitions: Definitions,
  graceMs: number,
  now: number,
): TokenReveal {
  const { name, definition } = tunnel;
  definitions.tokensOf(name, definition);
  if (definition.config.access.token !== undefined) {
    throw new TunneldError('CONFIG_INVALID', `The token of "${name}" comes from its configuration.`, {
      remedy: 'Change it where `access.token` points to, then `tunneld restart`.',
    });
  }
  const next = rotated(definition.tokens, now, graceMs);
  definitions.keepSecret(next);
  definitions.save(name, { ...definition, tokens: next });
  tunnel.setTokens(next);
  return reveal(name, next, now);
}

function reveal(name: string, tokens: readonly StoredToken[], now: number): TokenReveal {
  const [current, previous] = usable(tokens, now);
  if (current === undefined) throw new Error(`"${name}" has no usable token`);
  return {
    name,
    token: current.value.reveal(),
    ...(previous?.notAfter === undefined ? {} : { previousValidUntil: previous.notAfter }),
  };
}
