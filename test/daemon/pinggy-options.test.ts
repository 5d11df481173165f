import { expect, it } from 'vitest';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { pinggyOptions } from '../../src/daemon/pinggy-options.ts';
import { PINGGY_DEFAULTS } from '../../src/providers/pinggy/options.ts';

const configOf = (pinggy?: object) => parseTunnelSpec('figma', { port: 1, provider: 'pinggy', pinggy });

it('are the defaults of the provider when the configuration says nothing', () => {
  expect(pinggyOptions(configOf(), {})).toEqual(PINGGY_DEFAULTS);
});

it('hold every secret resolved', () => {
  const pinggy = {
    token: 'env:TOKEN',
    keys: ['plain-key'],
    basicAuth: ['ann:env:PASSWORD'],
    setHeaders: ['X-Key: env:KEY', 'X-Team: a:b'],
    openTimeout: '30s',
    region: 'eu',
  };
  const env = { TOKEN: 'token-value', PASSWORD: 'password-value', KEY: 'key-value' };
  const options = pinggyOptions(configOf(pinggy), env);
  expect(options.token?.reveal()).toBe('token-value');
  expect(options.basicAuth.map(({ user, password }) => [user, password.reveal()])).toEqual([
    ['ann', 'password-value'],
  ]);
  expect(Object.entries(options.setHeaders).map(([name, value]) => [name, value.reveal()])).toEqual([
    ['X-Key', 'key-value'],
    ['X-Team', 'a:b'],
  ]);
  expect(options).toMatchObject({ openTimeoutMs: 30_000, region: 'eu' });
});

it('let the preflights of allowed origins through', () => {
  const config = parseTunnelSpec('figma', { port: 1, access: { origins: ['https://app.example.com'] } });
  expect(pinggyOptions(config, {}).passPreflight).toBe(true);
});

it('cannot be had when a secret is nowhere', () => {
  expect(() => pinggyOptions(configOf({ token: 'env:NOWHERE' }), {})).toThrow(
    expect.objectContaining({ code: 'SECRET_UNAVAILABLE' }),
  );
});
