import { isLoopbackHost } from '../../core/loopback.ts';
import type { ProviderKind } from '../kind.ts';
import { type RelayConfig, relaySchema } from './schema.ts';

/** Public URLs from the relay inside the daemon, or from one elsewhere. */
export const relay = {
  name: 'relay',
  description: 'A relay on another machine, for the provider `relay`. The one in the daemon when absent.',
  schema: relaySchema,
  addressKey: 'url',
  options: {
    relay: {
      type: 'string',
      value: 'url',
      key: 'url',
      summary: 'Relay on another machine: https://tunnel.example.com',
    },
    'relay-token': {
      type: 'string',
      value: 'reference',
      key: 'token',
      summary: 'Its token for us: env:VARIABLE or file:PATH',
    },
    'relay-public-host': {
      type: 'string',
      value: 'host',
      multiple: true,
      key: 'publicHosts',
      summary: "Host its public URLs may have besides the relay's own",
    },
    'relay-links': {
      type: 'string',
      value: 'number',
      key: 'links',
      read: (text) => ({ links: Number(text) }),
      summary: 'Connections to it at once, 1 or 2; default: 1',
    },
    name: {
      type: 'string',
      value: 'name',
      key: 'name',
      summary: "Name to ask for there; from:token: mcpr's; default: the tunnel's",
    },
  },
  // Our own agent tells the gateway who called; a relay is told the tokens while a session lasts.
  verdicts: { RELAY_NAME_DENIED: 'auth' },
  edge: { writesForwarded: false, stopsPreflights: false, checksTokens: () => false },
  way: 'in-process',

  needsNetwork: (config) => config !== undefined && !isLoopbackHost(new URL(config.url).hostname),

  assertUsable({ config, secret }) {
    if (config?.token !== undefined) secret(config.token);
  },

  async load() {
    const [{ RelayProvider }, { relayTargetOf }] = await Promise.all([
      import('./relay-provider.ts'),
      import('./target.ts'),
    ]);
    return {
      create(setup) {
        const target = relayTargetOf(setup);
        setup.onSecret(target.token);
        return new RelayProvider({ ...target, clock: setup.clock, env: setup.env });
      },
    };
  },
} as const satisfies ProviderKind<RelayConfig>;
