import { expect, it } from 'vitest';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { ngrokOptions } from '../../src/daemon/ngrok-options.ts';
import { NGROK_DEFAULTS } from '../../src/providers/ngrok/options.ts';
import { thrownBy } from '../helpers/thrown.ts';

const configOf = (ngrok?: object) => parseTunnelSpec('figma', { port: 1, provider: 'ngrok', ngrok });
const ENV = { NGROK_AUTHTOKEN: 'authtoken-value', PAIR: 'anna:pair-value', PASSWORD: 'password-value' };

it('are the defaults of the provider when the configuration says nothing', () => {
  const { authtoken, ...rest } = ngrokOptions(configOf(), ENV);
  expect(authtoken?.reveal()).toBe('authtoken-value');
  expect(rest).toEqual(NGROK_DEFAULTS);
});

it('need an authtoken', async () => {
  const { code, message } = await thrownBy(() => ngrokOptions(configOf(), {}));
  expect([code, message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('NGROK_AUTHTOKEN')]);
});

it('hold every secret resolved', () => {
  const basicAuth = ['env:PAIR', 'ben:env:PASSWORD', 'eve:in-the-file'];
  const options = ngrokOptions(configOf({ basicAuth }), ENV);
  expect(options.basicAuth.map((pair) => pair.reveal())).toEqual([
    'anna:pair-value',
    'ben:password-value',
    'eve:in-the-file',
  ]);
});

it('let the preflights of allowed origins through', () => {
  const config = parseTunnelSpec('figma', { port: 1, access: { origins: ['https://app.example.com'] } });
  expect(ngrokOptions(config, ENV).passPreflight).toBe(true);
});
