import { z } from 'zod';
import { secretReference } from '../../config/fields.ts';

/** Below `relay:` in tunneld.yaml. */
export const relaySchema = z.strictObject({
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
    .regex(
      /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?|from:token)$/,
      'Use 1 to 63 of a-z, 0-9 and -, or from:token',
    )
    .optional()
    .describe(
      "Name to ask for there; `from:token` is the one that mcpr makes of its token. The tunnel's own when absent.",
    ),
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

/** As a name: the one that follows from the token. A colon is in no name, so that it cannot be meant as one. */
export const NAME_FROM_TOKEN = 'from:token';

export type RelayConfig = z.output<typeof relaySchema>;
