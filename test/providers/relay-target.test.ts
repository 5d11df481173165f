import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { relaySchema } from '../../src/providers/relay/schema.ts';
import { relayTargetOf } from '../../src/providers/relay/target.ts';

function targetOf(config: unknown) {
  return relayTargetOf({
    config: relaySchema.parse(config),
    pages: false,
    secret: (reference) => new Secret(reference),
    clock: systemClock,
    env: {},
    embeddedRelay: { url: new URL('http://127.0.0.1:1'), secret: new Secret('embedded') },
    onSecret() {},
  });
}

describe('the name that follows from a token', () => {
  const url = 'https://tunnel.example.com';

  // As mcpr makes them: six bytes of the SHA-256.
  it.each([
    ['test', '9f86d081884c'],
    ['tok_abc', '26cfed5080d0'],
    ['my-token', 'fece50d2287f'],
  ])('is asked for with from:token (%s)', (token, name) => {
    expect(targetOf({ url, token, name: 'from:token' }).name).toBe(name);
  });

  it('is the same each time where the token is made up', () => {
    const { name } = targetOf({ url, name: 'from:token' });
    expect(name).toMatch(/^[\da-f]{12}$/);
    expect(targetOf({ url, name: 'from:token' }).name).toBe(name);
  });

  it('is not asked for otherwise', () => {
    expect(targetOf({ url, token: 'test', name: 'token' }).name).toBe('token');
    expect(targetOf({ url, token: 'test' }).name).toBeUndefined();
    expect(relaySchema.safeParse({ url, name: 'from:tokens' }).success).toBe(false);
  });
});
