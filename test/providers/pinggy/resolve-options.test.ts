import { expect, it } from 'vitest';
import type { TunnelConfig } from '../../../src/config/schema.ts';
import { parseTunnelSpec } from '../../../src/config/tunnel-spec.ts';
import { providerInput } from '../../../src/daemon/provider-setup.ts';
import type { ProviderInput, ProviderKind } from '../../../src/providers/kind.ts';
import { pinggy } from '../../../src/providers/pinggy/kind.ts';
import { PINGGY_DEFAULTS } from '../../../src/providers/pinggy/options.ts';
import { pinggyOptions } from '../../../src/providers/pinggy/resolve-options.ts';
import type { PinggyConfig } from '../../../src/providers/pinggy/schema.ts';

const configOf = (pinggy?: object) => parseTunnelSpec('figma', { port: 1, provider: 'pinggy', pinggy });
const optionsOf = (config: TunnelConfig, env: Record<string, string>) =>
  pinggyOptions(providerInput(pinggy as ProviderKind, config, env) as ProviderInput<PinggyConfig>);

it('are the defaults of the provider when the configuration says nothing', () => {
  expect(optionsOf(configOf(), {})).toEqual(PINGGY_DEFAULTS);
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
  const options = optionsOf(configOf(pinggy), env);
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
  expect(optionsOf(config, {}).passPreflight).toBe(true);
});

it('cannot be had when a secret is nowhere', () => {
  expect(() => optionsOf(configOf({ token: 'env:NOWHERE' }), {})).toThrow(
    expect.objectContaining({ code: 'SECRET_UNAVAILABLE' }),
  );
});
