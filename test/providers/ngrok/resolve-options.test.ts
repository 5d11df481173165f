import { expect, it } from 'vitest';
import type { TunnelConfig } from '../../../src/config/schema.ts';
import { parseTunnelSpec } from '../../../src/config/tunnel-spec.ts';
import { providerInput } from '../../../src/daemon/provider-setup.ts';
import type { ProviderInput, ProviderKind } from '../../../src/providers/kind.ts';
import { ngrok } from '../../../src/providers/ngrok/kind.ts';
import { NGROK_DEFAULTS } from '../../../src/providers/ngrok/options.ts';
import { ngrokOptions } from '../../../src/providers/ngrok/resolve-options.ts';
import type { NgrokConfig } from '../../../src/providers/ngrok/schema.ts';
import { thrownBy } from '../../helpers/thrown.ts';

const configOf = (ngrok?: object) => parseTunnelSpec('figma', { port: 1, provider: 'ngrok', ngrok });
const ENV = { NGROK_AUTHTOKEN: 'authtoken-value', PAIR: 'anna:pair-value', PASSWORD: 'password-value' };
const optionsOf = (config: TunnelConfig, env: Record<string, string>) =>
  ngrokOptions(providerInput(ngrok as ProviderKind, config, env) as ProviderInput<NgrokConfig>);

it('are the defaults of the provider when the configuration says nothing', () => {
  const { authtoken, ...rest } = optionsOf(configOf(), ENV);
  expect(authtoken?.reveal()).toBe('authtoken-value');
  expect(rest).toEqual(NGROK_DEFAULTS);
});

it('need an authtoken', async () => {
  const { code, message } = await thrownBy(() => optionsOf(configOf(), {}));
  expect([code, message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('NGROK_AUTHTOKEN')]);
});

it('hold every secret resolved', () => {
  const basicAuth = ['env:PAIR', 'ben:env:PASSWORD', 'eve:in-the-file'];
  const options = optionsOf(configOf({ basicAuth }), ENV);
  expect(options.basicAuth.map((pair) => pair.reveal())).toEqual([
    'anna:pair-value',
    'ben:password-value',
    'eve:in-the-file',
  ]);
});

it('let the preflights of allowed origins through', () => {
  const config = parseTunnelSpec('figma', { port: 1, access: { origins: ['https://app.example.com'] } });
  expect(optionsOf(config, ENV).passPreflight).toBe(true);
});
