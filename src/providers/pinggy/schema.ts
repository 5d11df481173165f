import { z } from 'zod';
import { duration, port, secretReference } from '../../config/fields.ts';
import { afterColon, type SecretPart, secret } from '../../config/secret-fields.ts';

/** `Name: value`, where the value may be a reference to a secret. */
const header = secret(
  z.string().regex(/^[^\s:]+: *\S/, 'Expected "Name: value"; the value may be `env:NAME` or `file:PATH`'),
  (text) => ({ ...afterColon(text), everyday: true }),
);

/** `user:password`, where the password may be a reference to a secret. */
const credentials = secret(
  z.string().regex(/^[^\s:]+:\S/, 'Expected "user:password"; the password may be `env:NAME` or `file:PATH`'),
  afterColon,
);

/** An option as Pinggy spells it may be a key (`k:KEY`), a password (`b:USER:PASSWORD`) or a header. */
function secretInOption(text: string): SecretPart | undefined {
  const [start, kind] = /^(?:(k):|([bau]):[^:]*:?)/.exec(text) ?? [];
  if (start === undefined) return undefined;
  return { start: start.length, everyday: kind === undefined && !start.startsWith('b') };
}

/** What `provider: pinggy` needs to know. The values are checked for Pinggy's own grammar when a session opens. */
export const pinggySchema = z.strictObject({
  token: secretReference
    .optional()
    .describe('Token of a Pinggy account. Without one a session lasts 60 minutes, each with a new URL.'),
  region: z.enum(['us', 'eu', 'ap', 'br', 'au']).optional().describe('Where the edge shall be.'),
  server: z.string().optional().describe('Host of the edge, instead of what token and region imply.'),
  serverPort: port.default(443).describe('Its port.'),
  force: z
    .boolean()
    .default(true)
    .describe('End another tunnel that uses the same token, instead of being refused.'),
  edgeAuth: z
    .boolean()
    .default(true)
    .describe('The edge asks for the access token as well. It knows the bearer form only.'),
  keys: z.array(secretReference).default([]).describe('Further bearer keys the edge lets through.'),
  basicAuth: z.array(credentials).default([]).describe('User and password pairs the edge lets through.'),
  allow: z.array(z.string()).default([]).describe('Networks that may connect. Everybody when empty.'),
  setHeaders: z.array(header).default([]).describe('Request headers the edge sets: `Name: value`.'),
  removeHeaders: z.array(z.string()).default([]).describe('Request headers the edge removes.'),
  passPreflight: z.boolean().default(false).describe('The edge lets CORS preflights through unasked.'),
  args: z
    .array(secret(z.string(), secretInOption))
    .default([])
    .describe("More of Pinggy's options, such as `x:fullurl`."),
  image: z
    .string()
    .regex(/^[\w./:@-]+$/, 'Expected an image such as pinggy/pinggy:latest, or one with a digest')
    .default('pinggy/pinggy:latest')
    .describe('The image; a digest pins it.'),
  pull: z.enum(['missing', 'always', 'never']).default('missing').describe('When to pull the image.'),
  dockerHost: z
    .string()
    .optional()
    .describe('Address of the container engine. By default found as the Docker command finds it.'),
  dockerContext: z.string().optional().describe('Or the name of a Docker context.'),
  network: z
    .enum(['auto', 'host', 'bridge'])
    .default('auto')
    .describe('Network of the container; `auto` is `host` where that is this machine’s.'),
  gatewayHost: z.string().default('127.0.0.1').describe('How the container reaches this machine.'),
  debugger: z
    .boolean()
    .default(true)
    .describe('Ask Pinggy’s web debugger for the URL and whether the session lives, on a loopback port.'),
  debuggerPort: port.optional().describe('That port. A free one by default.'),
  knownHosts: z
    .string()
    .regex(/^\/[^:]*$/, 'Expected an absolute path without a colon')
    .optional()
    .describe('File with the host keys of the edge; any other key is then refused.'),
  restartPolicy: z
    .enum(['no', 'unless-stopped'])
    .default('no')
    .describe('`unless-stopped`: the engine restarts the container also when no daemon runs.'),
  memoryMb: z.int().min(16).max(65_536).default(256).describe('Memory of the container (MiB).'),
  pidsLimit: z.int().min(8).max(65_536).default(128).describe('Processes in the container.'),
  readOnlyRoot: z.boolean().default(true).describe('The container may not write to its own files.'),
  openTimeout: duration(1_000, 60_000).prefault('45s').describe('From a started container to its URL.'),
});

export type PinggyConfig = z.output<typeof pinggySchema>;
