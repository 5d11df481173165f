import { z } from 'zod';
import { duration, secretReference } from '../../config/fields.ts';
import { afterColon, isReference, type SecretPart, secret } from '../../config/secret-fields.ts';

/** A reference to `user:password`, or a user with its password, which may be a reference. */
const credentials = secret(
  z
    .string()
    .regex(
      /^[^\s:]+:\S/,
      'Expected "user:password"; the password, or the whole, may be `env:NAME` or `file:PATH`',
    ),
  (text) => (isReference(text) ? { start: 0 } : afterColon(text)),
);

/** What an action is configured with may be a password or a key, and looks like any other text. */
function secretInRule(_text: string, path: readonly string[]): SecretPart | undefined {
  return path.includes('config') ? { start: 0, everyday: true } : undefined;
}

const rules = secret(z.array(z.record(z.string(), z.unknown())), secretInRule);

/** What `provider: ngrok` needs to know. The values are checked for ngrok's own rules when a tunnel comes up. */
export const ngrokSchema = z.strictObject({
  authtoken: secretReference
    .default('env:NGROK_AUTHTOKEN')
    .describe('Authtoken of an ngrok account. It goes to ngrok and nowhere else.'),
  domain: z.string().optional().describe("A domain of the account. The account's dev domain by default."),
  pooling: z.boolean().default(false).describe('Other agents may serve the same domain at the same time.'),
  metadata: z.string().optional().describe('Free text, shown in the ngrok dashboard.'),
  edgeAuth: z
    .boolean()
    .default(true)
    .describe('The edge asks for the access token as well, by its hash. It knows the bearer form only.'),
  passPreflight: z.boolean().default(false).describe('The edge lets CORS preflights through unasked.'),
  basicAuth: z
    .array(credentials)
    .default([])
    .describe('User and password pairs the edge lets through, also by their hash.'),
  allow: z.array(z.string()).default([]).describe('Networks that may connect. Everybody when empty.'),
  deny: z.array(z.string()).default([]).describe('Networks that may not.'),
  trafficPolicy: z
    .strictObject({
      on_tcp_connect: rules.optional().describe('Rules of your own for every connection.'),
      on_http_request: rules
        .optional()
        .describe('For every request; they run after the check of the token, before Host is rewritten.'),
      on_http_response: rules.optional().describe('For every answer.'),
    })
    .prefault({})
    .describe('Rules of your own, in the words of ngrok.'),
  region: z
    .string()
    .regex(/^[a-z]{2}(?:-[a-z0-9-]{1,16})?$/, 'Expected a region such as `eu`')
    .optional()
    .describe('Where to connect to; the nearest by default.'),
  server: z.string().optional().describe('`host:port` of a private edge, instead.'),
  caFile: z
    .string()
    .regex(/^\//, 'Expected an absolute path')
    .optional()
    .describe('File with the certificates (PEM) of a private edge.'),
  heartbeatInterval: duration(1_000, 600_000)
    .prefault('10s')
    .describe('Between two heartbeats to the edge; whole seconds.'),
  heartbeatTolerance: duration(1_000, 600_000)
    .prefault('15s')
    .describe('An edge silent for this long on top is given up; whole seconds.'),
});

export type NgrokConfig = z.output<typeof ngrokSchema>;
