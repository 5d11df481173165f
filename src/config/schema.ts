import ms, { type StringValue } from 'ms';
import { z } from 'zod';

/**
 * The configuration, as the user writes it. Unknown keys are errors, never ignored: a misspelt key
 * that does nothing is worse than a refusal. `docs/config.md` explains each key;
 * `docs/tunneld.schema.json` is made from this file.
 */

/** Usable as a DNS label, a URL path segment and a file name. */
export const TUNNEL_NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** `30s`, `5m`, `1h`, or a number of milliseconds. Parsed to milliseconds. */
function duration(minMs: number, maxMs: number) {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const parsed = typeof value === 'number' ? value : ms(value as StringValue);
    if (parsed === undefined || !Number.isFinite(parsed)) {
      context.addIssue({
        code: 'custom',
        message: 'Expected a duration such as "30s", "5m" or milliseconds',
      });
      return z.NEVER;
    }
    if (parsed < minMs || parsed > maxMs) {
      context.addIssue({ code: 'custom', message: `Expected a duration from ${ms(minMs)} to ${ms(maxMs)}` });
      return z.NEVER;
    }
    return parsed;
  });
}

const port = z.int().min(1).max(65_535);
/** 0 asks the system for a free port. */
const listenPort = z.int().min(0).max(65_535);

/** A literal, or a reference: `env:NAME` or `file:PATH`. Resolved by `secrets.ts`. */
const secretReference = z.string().min(1);

const accessSchema = z.strictObject({
  /** The access token; made and kept by tunneld when absent. */
  token: secretReference.optional(),
  /** Also accept `?token=` (it ends up in other people's logs). */
  queryToken: z.boolean().default(false),
  /** No token at all: anybody with the URL reaches the server. */
  insecurePublic: z.boolean().default(false),
  /** Browser origins that may call (`https://app.example.com`). None by default. */
  origins: z.array(z.string()).default([]),
});

const healthSchema = z.strictObject({
  /** How to probe; `auto` finds out what the server speaks. */
  probe: z.enum(['auto', 'discover', 'initialize', 'http', 'tcp']).default('auto'),
  /** When to probe while healthy: a cron expression with seconds. */
  schedule: z.string().default('*/30 * * * * *'),
  /** One probe may take this long. */
  timeout: duration(100, 120_000).default(10_000),
});

const limitsSchema = z.strictObject({
  /** Exchanges in flight, open SSE streams included. */
  concurrency: z.int().min(1).max(100_000).default(1024),
  /** TCP connections to the gateway's own port. */
  connections: z.int().min(1).max(100_000).default(1024),
  /** The server must send its response head within this. */
  firstByteTimeout: duration(1_000, 86_400_000).default(300_000),
  /** A body may be silent this long (SSE streams are exempt). */
  idleTimeout: duration(1_000, 86_400_000).default(300_000),
});

export const tunnelSchema = z
  .strictObject({
    /** Port of the local MCP server on 127.0.0.1. */
    port: port.optional(),
    /** Or its URL: `http://127.0.0.1:3845`. Its path, if any, is the MCP path. */
    url: z.url({ protocol: /^https?$/ }).optional(),
    /** Path of the MCP endpoint. */
    path: z
      .string()
      .regex(/^\/[^\s?#]*$/, 'Expected a path that starts with /')
      .optional(),
    provider: z.string().default('relay'),
    /** `false`: known, but not brought up. */
    enabled: z.boolean().default(true),
    /** Host header sent to the server; `localhost:PORT` by default. */
    hostHeader: z
      .string()
      .regex(/^[A-Za-z0-9.:[\]_-]+$/)
      .optional(),
    allowRemoteUpstream: z.boolean().default(false),
    /** Silence on an SSE stream after which a comment is sent; `off` never sends one. */
    sseKeepAlive: z.union([z.literal('off'), duration(1_000, 3_600_000)]).default(15_000),
    access: accessSchema.prefault({}),
    health: healthSchema.prefault({}),
    limits: limitsSchema.prefault({}),
  })
  .refine((tunnel) => (tunnel.port === undefined) !== (tunnel.url === undefined), {
    message: 'Give either `port` or `url`',
  });

const daemonSchema = z.strictObject({
  /** Loopback port of /healthz, /readyz and /metrics. */
  healthPort: listenPort.default(7576),
  /** Loopback port of the embedded relay. */
  relayPort: listenPort.default(7575),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      /** A log file is rotated at this size (bytes). */
      maxFileBytes: z.int().min(65_536).default(10_485_760),
      /** All log files of one tunnel together (bytes). */
      maxTotalBytes: z.int().min(131_072).default(52_428_800),
    })
    .prefault({}),
  /** How long SIGTERM waits for exchanges in flight. */
  drainTimeout: duration(0, 600_000).default(10_000),
});

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  tunnels: z
    .record(
      z.string().regex(TUNNEL_NAME, 'Use 1 to 32 of a-z, 0-9 and -, starting with a letter'),
      tunnelSchema,
    )
    .default({}),
  daemon: daemonSchema.prefault({}),
});

export type Config = z.output<typeof configSchema>;
export type DaemonConfig = z.output<typeof daemonSchema>;
/** One tunnel with every default filled in. */
export type TunnelConfig = z.output<typeof tunnelSchema>;
/** One tunnel as somebody wrote it: what `tunneld up` sends and what the state keeps. */
export type TunnelSpec = z.input<typeof tunnelSchema>;
