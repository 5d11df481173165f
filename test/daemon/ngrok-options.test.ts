import { expect, it } from 'vitest';
import { maskSecrets } from '../../src/config/secrets.ts';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import type { Secret } from '../../src/core/secret.ts';
import { ngrokOptions } from '../../src/daemon/ngrok-options.ts';
import { NGROK_DEFAULTS } from '../../src/providers/ngrok/options.ts';
import { thrownBy } from '../helpers/thrown.ts';

const configOf = (ngrok?: object) => parseTunnelSpec('figma', { port: 1, provider: 'ngrok', ngrok });
const ENV = { NGROK_AUTHTOKEN: 'authtoken-value', PAIR: 'anna:pair-value', PASSWORD: 'password-value' };

it('are the defaults of the provider when the configuration says nothing', () => {
  const { authtoken, ...rest } = ngrokOptions(configOf(), ENV, () => {});
  expect(authtoken?.reveal()).toBe('authtoken-value');
  expect(rest).toEqual(NGROK_DEFAULTS);
});

it('need an authtoken', async () => {
  const { code, message } = await thrownBy(() => ngrokOptions(configOf(), {}, () => {}));
  expect([code, message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('NGROK_AUTHTOKEN')]);
});

it('hold every secret resolved, and tell of each', () => {
  const known: Secret[] = [];
  const basicAuth = ['env:PAIR', 'ben:env:PASSWORD', 'eve:in-the-file'];
  const options = ngrokOptions(configOf({ basicAuth }), ENV, (secret) => void known.push(secret));
  expect(options.basicAuth.map((pair) => pair.reveal())).toEqual([
    'anna:pair-value',
    'ben:password-value',
    'eve:in-the-file',
  ]);
  const values = known.map((secret) => secret.reveal());
  for (const value of ['authtoken-value', 'pair-value', 'password-value', 'in-the-file'])
    expect(values).toContain(value);
});

it('are shown with references, and without secrets', () => {
  const config = configOf({ authtoken: 'literal-authtoken', basicAuth: ['env:PAIR', 'eve:in-the-file'] });
  expect(maskSecrets(config).ngrok).toMatchObject({
    authtoken: '[redacted]',
    basicAuth: ['env:PAIR', 'eve:[redacted]'],
  });
});

it('let the preflights of allowed origins through', () => {
  const config = parseTunnelSpec('figma', { port: 1, access: { origins: ['https://app.example.com'] } });
  expect(ngrokOptions(config, ENV, () => {}).passPreflight).toBe(true);
});
