import type { ProviderKind } from '../kind.ts';
import { ngrokCommandOptions } from './command-options.ts';
import { NGROK_ERRORS } from './errors.ts';
import { judgeNgrokPage } from './judge-page.ts';
import { assertNgrokOptions } from './option-rules.ts';
import { ngrokOptions } from './resolve-options.ts';
import { type NgrokConfig, ngrokSchema } from './schema.ts';

/** ngrok's tunnel, held by its SDK in a process of its own. */
export const ngrok = {
  name: 'ngrok',
  description: 'For `provider: ngrok`: how it is used.',
  schema: ngrokSchema,
  errors: NGROK_ERRORS,
  options: ngrokCommandOptions,
  edge: {
    writesForwarded: true,
    stopsPreflights: true,
    checksTokens: (config) => config?.edgeAuth !== false,
  },
  way: 'port',

  verdicts: { NGROK_ACCOUNT: 'auth', NGROK_LIMIT: 'limited', NGROK_RATE_LIMIT: 'limited' },
  judgePage: judgeNgrokPage,

  needsNetwork: () => true,
  assertUsable: (input) => assertNgrokOptions(ngrokOptions(input)),

  async load() {
    const { NgrokProvider } = await import('./provider.ts');
    return { create: (setup) => new NgrokProvider(ngrokOptions(setup), { clock: setup.clock }) };
  },
} as const satisfies ProviderKind<NgrokConfig>;
