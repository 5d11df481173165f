import { z } from 'zod';
import { secretReference } from '../../config/fields.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import type { ProviderKind } from '../kind.ts';

const schema = z.strictObject({
  url: z
    .string()
    .refine((text) => URL.canParse(text) && /^https?:\/\/[^/?#@]+\/?$/.test(text), {
      message: 'Expected the address of a relay, such as `https://tunnel.example.com`',
    })
    .describe('Address of the relay. With `https:` its certificate is checked.'),
  token: secretReference
    .optional()
    .describe(
      'What the relay asks of agents: `env:NAME`, `file:PATH`, or a literal. Made by tunneld when absent.',
    ),
  name: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'Use 1 to 63 of a-z, 0-9 and -')
    .optional()
    .describe("Name to ask for there. The tunnel's own when absent."),
  publicHosts: z
    .array(
      z
        .string()
        .regex(
          /^(?:[a-zA-Z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/,
          'Expected a host, such as `tunnel.example.com`',
        ),
    )
    .default([])
    .describe(
      "Hosts that the relay's public URLs may have besides its own, each with what is below it: a relay that names another is refused. `host:port` allows that port only.",
    ),
  links: z
    .union([z.literal(1), z.literal(2)], { error: 'Expected 1 or 2' })
    .default(1)
    .describe('Connections to the relay at once. With 2, visitors do not notice when one breaks.'),
});

export type RelayConfig = z.output<typeof schema>;

/** Public URLs from the relay inside the daemon, or from one elsewhere. */
export const relay = {
  name: 'relay',
  description: 'A relay on another machine, for the provider `relay`. The one in the daemon when absent.',
  schema,
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
      summary: "Name to ask for there; default: the tunnel's",
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
