import { z } from 'zod';
import { DEFAULT_PROVIDER, KINDS } from '../providers/kinds.ts';
import { accessToken, cronExpression, duration, listenPort, origin, port } from './fields.ts';
import { secret } from './secret-fields.ts';
import { COMMAND_ONLY, SERVER_KEYS, serverKeys, serverLimits } from './server-keys.ts';
import { faultOfUrl, isLoopbackUrl, pathInUrl } from './upstream-url.ts';

/**
 * The configuration, as the user writes it. Unknown keys are errors, never ignored: a misspelt key
 * that does nothing is worse than a refusal. `docs/tunneld.schema.json` is made from this file and
 * `docs/config.md` is held against it, so the descriptions are what users read.
 */

/** Usable as a DNS label, a URL path segment and a file name. `daemon.log` is the daemon's own. */
export const TUNNEL_NAME = /^(?!daemon$)[a-z][a-z0-9-]{0,31}$/;

const accessSchema = z.strictObject({
  token: accessToken
    .optional()
    .describe(
      'The access token: a literal, `env:NAME` or `file:PATH`. Made and kept by tunneld when absent.',
    ),
  queryToken: z
    .boolean()
    .default(false)
    .describe("Also accept the token as `?token=`. URLs end up in other people's logs: off by default."),
  insecurePublic: z
    .boolean()
    .default(false)
    .describe('No token at all: anybody who knows the URL reaches the server.'),
  origins: z
    .array(origin)
    .prefault([])
    .describe(
      'Web pages of these origins, such as `https://app.example.com`, may call and read the answers (CORS). None by default.',
    ),
});

const healthSchema = z.strictObject({
  probe: z
    .enum(['auto', 'discover', 'initialize', 'http', 'tcp'])
    .default('auto')
    .describe(
      'How to look at the server; `auto` asks what opens no session, and no more than is known to do no harm. A forced `initialize` takes the only session of a single-session server.',
    ),
  authorization: secret(
    z.string().regex(/^(?:env:[A-Za-z_]\w*|file:.+)$/, 'Expected `env:NAME` or `file:PATH`'),
  )
    .optional()
    .describe(
      'What our own looks send the server as `Authorization` (`Bearer …`): `env:NAME` or `file:PATH`. Without it a server that asks for a login is only connected to.',
    ),
  schedule: cronExpression
    .default('*/30 * * * * *')
    .describe('When to probe while healthy: a cron expression of six fields, seconds first.'),
  timeout: duration(100, 120_000).prefault('10s').describe('How long one probe may take.'),
});

const limitsSchema = z.strictObject({
  concurrency: z
    .int()
    .min(1)
    .max(100_000)
    .default(1024)
    .describe('Requests in flight at once, open SSE streams included.'),
  connections: z
    .int()
    .min(1)
    .max(100_000)
    .default(1024)
    .describe("TCP connections to the gateway's own port at once."),
  firstByteTimeout: duration(1_000, 86_400_000)
    .prefault('24h')
    .describe('The server must begin its answer within this. As long as a caller waits, it may.'),
  idleTimeout: duration(1_000, 86_400_000)
    .prefault('5m')
    .describe('A body may be silent this long. SSE streams are exempt.'),
  ...serverLimits,
});

type Kind = (typeof KINDS)[number];
type ProviderKeys = { [K in Kind as K['name']]: z.ZodOptional<K['schema']> };

/** What is below the name of each provider: its own options. */
const providerKeys = Object.fromEntries(
  KINDS.map(({ name, schema, description }) => [name, schema.optional().describe(description)]),
) as ProviderKeys;

/** Runs a rule over the whole tunnel even when single keys have mistakes: all are reported at once. */
const always = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null };

export const tunnelSchema = z
  .strictObject({
    port: port.optional().describe('Port of the local MCP server on 127.0.0.1. This, `url` or `command`.'),
    url: z
      .string()
      .superRefine((text, context) => {
        const message = faultOfUrl(text);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      })
      .optional()
      .describe(
        'Address of the MCP server, such as `http://127.0.0.1:3845/mcp`, or `unix:/path/to.sock`. This, `port` or `command`.',
      ),
    ...serverKeys,
    path: z
      .string()
      .regex(/^\/[^\s?#]*$/, 'Expected a path that starts with / and has no query')
      .optional()
      .describe('Path of the MCP endpoint. `/mcp` unless `url` has one.'),
    provider: z.string().min(1).default(DEFAULT_PROVIDER).describe('Who carries the traffic.'),
    ...providerKeys,
    enabled: z.boolean().default(true).describe('`false`: known, but not brought up by `tunneld up`.'),
    hostHeader: z
      .string()
      .regex(/^[A-Za-z0-9.:[\]_-]+$/, 'Expected a host name, with a port if need be')
      .optional()
      .describe('Host header the server gets to see. `localhost:PORT` by default.'),
    allowRemoteUpstream: z.boolean().default(false).describe('Allow a `url` that is not on this machine.'),
    sseKeepAlive: z
      .union([z.literal('off'), duration(1_000, 3_600_000)], {
        error: 'Expected "off" or a duration such as "15s", from 1s to 1h',
      })
      .prefault('15s')
      .describe('After this much silence on an SSE stream a comment is sent; `off` never sends one.'),
    access: accessSchema.prefault({}).describe('Who may call.'),
    health: healthSchema.prefault({}).describe('How the tunnel is watched.'),
    limits: limitsSchema.prefault({}).describe('What one tunnel may use.'),
  })
  .refine((tunnel) => SERVER_KEYS.some((key) => tunnel[key] !== undefined), {
    ...always,
    message:
      'Give `port`, `url`, `sse` or `command`: where does the MCP server listen, or how is it started?',
  })
  .superRefine((tunnel, context) => {
    const [first, ...others] = SERVER_KEYS.filter((key) => tunnel[key] !== undefined);
    for (const key of others) {
      const message = `Give either \`${first}\` or \`${key}\`, not both`;
      context.addIssue({ code: 'custom', path: [key], message });
    }
    if (tunnel.command !== undefined) return;
    for (const key of COMMAND_ONLY.filter((name) => tunnel[name] !== undefined)) {
      const message = 'This has an effect only with `command`';
      context.addIssue({ code: 'custom', path: [key], message });
    }
  }, always)
  .refine((tunnel) => tunnel.command === undefined || tunnel.hostHeader === undefined, {
    ...always,
    path: ['hostHeader'],
    message: 'This has no effect with `command`',
  })
  .refine((tunnel) => tunnel.path === undefined || [undefined, tunnel.path].includes(pathInUrl(tunnel.url)), {
    ...always,
    path: ['path'],
    message: 'The path differs from the one in `url`; give only one of them',
  })
  .refine((tunnel) => tunnel.allowRemoteUpstream === true || isLoopbackUrl(tunnel.sse), {
    ...always,
    path: ['sse'],
    params: { errorCode: 'UPSTREAM_NOT_LOOPBACK' },
    message: 'The server is not on this machine; `allowRemoteUpstream: true` allows that',
  })
  .refine((tunnel) => tunnel.allowRemoteUpstream === true || isLoopbackUrl(tunnel.url), {
    ...always,
    path: ['url'],
    params: { errorCode: 'UPSTREAM_NOT_LOOPBACK' },
    message: 'The server is not on this machine; `allowRemoteUpstream: true` allows that',
  })
  .superRefine((tunnel, context) => {
    for (const { name } of KINDS) {
      if (tunnel[name] === undefined || (tunnel.provider ?? DEFAULT_PROVIDER) === name) continue;
      const message = `This has an effect only with \`provider: ${name}\``;
      context.addIssue({ code: 'custom', path: [name], message });
    }
  }, always)
  .refine((tunnel) => tunnel.access?.insecurePublic !== true || tunnel.access.token === undefined, {
    ...always,
    path: ['access', 'token'],
    message: 'A token has no effect with `insecurePublic: true`; remove one of them',
  });

const daemonSchema = z
  .strictObject({
    healthPort: listenPort
      .default(7576)
      .describe('Loopback port of /healthz, /readyz and /metrics; 0 picks a free one.'),
    relayPort: listenPort
      .default(7575)
      .describe(
        'Loopback port of the embedded relay; 0 picks another one, and so other URLs, at each start.',
      ),
    log: z
      .strictObject({
        level: z
          .enum(['debug', 'info', 'warn', 'error'])
          .default('info')
          .describe('The least severe lines to keep.'),
        maxFileBytes: z
          .int()
          .min(65_536)
          .default(10_485_760)
          .describe('A log file is rotated at this size (bytes).'),
        maxTotalBytes: z
          .int()
          .min(131_072)
          .default(52_428_800)
          .describe('All log files of one tunnel together (bytes).'),
      })
      .refine((log) => !(log.maxTotalBytes < log.maxFileBytes), {
        ...always,
        path: ['maxTotalBytes'],
        message: 'Expected at least `maxFileBytes`',
      })
      .prefault({})
      .describe('What the daemon writes down.'),
    drainTimeout: duration(0, 600_000)
      .prefault('10s')
      .describe('How long a stopping daemon waits for requests in flight.'),
  })
  .refine((daemon) => daemon.healthPort !== daemon.relayPort || daemon.healthPort === 0, {
    ...always,
    path: ['healthPort'],
    message: 'Expected a port other than `relayPort`',
  });

export const configSchema = z.strictObject({
  $schema: z.string().optional().describe('For editors: where the JSON Schema of this file is.'),
  tunnels: z
    .record(z.string(), tunnelSchema)
    // As a rule on the whole: a bad name must not hide the mistakes of what is under it.
    .superRefine((tunnels, context) => {
      for (const name of Object.keys(tunnels).filter((key) => !TUNNEL_NAME.test(key))) {
        const message = 'Use 1 to 32 of a-z, 0-9 and -, starting with a letter; not "daemon"';
        context.addIssue({ code: 'custom', path: [name], message });
      }
    }, always)
    .meta({ propertyNames: { pattern: TUNNEL_NAME.source } })
    .default({})
    .describe('The tunnels, by name. A name becomes part of the public URL.'),
  daemon: daemonSchema.prefault({}).describe('What all tunnels share.'),
});

export type Config = z.output<typeof configSchema>;
export type DaemonConfig = z.output<typeof daemonSchema>;
/** One tunnel with every default filled in. */
export type TunnelConfig = z.output<typeof tunnelSchema>;
/** One tunnel as somebody wrote it: what `tunneld up` sends and what the state keeps. */
export type TunnelSpec = z.input<typeof tunnelSchema>;
