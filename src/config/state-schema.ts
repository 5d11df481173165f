import { z } from 'zod';
import { Secret } from '../core/secret.ts';
import { isUsableToken } from './access-token.ts';
import { TUNNEL_NAME, type TunnelSpec, tunnelSchema } from './schema.ts';

/** What the daemon remembers of one tunnel between runs. */
export interface StoredTunnel {
  /** As `tunneld up` sent it. Absent for a tunnel of the config file: the file is what counts. */
  readonly spec?: TunnelSpec;
  /** Who defined it. */
  readonly source: 'file' | 'cli';
  /** What the user wants, whether or not a daemon runs. */
  readonly desired: 'up' | 'down';
  /** Newest first. Several while an old one still has its grace period. */
  readonly tokens: readonly StoredToken[];
  /** Where the gateway last listened: what a provider left running while no daemon ran dials it there. */
  readonly gatewayPort?: number;
  /** What its program showed of itself when it last ran. */
  readonly shown?: ShownProgram;
}

export interface ShownProgram {
  /** A hash of the command. */
  readonly of: string;
  readonly server?: string;
  readonly tools?: number;
  readonly era?: 'legacy' | 'modern';
}

export interface StoredToken {
  readonly id: string;
  readonly value: Secret;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Not accepted from then on (Unix milliseconds). */
  readonly notAfter?: number;
}

export const STATE_VERSION = 1;

/** Also the form on disk, where a secret is plain text: the file is 0600 in a 0700 folder. */
export const tunnelOnDisk = z
  .object({
    spec: z
      .custom<TunnelSpec>((value) => tunnelSchema.safeParse(value).success, 'not a valid tunnel')
      .optional(),
    source: z.enum(['file', 'cli']),
    desired: z.enum(['up', 'down']),
    gatewayPort: z.int().min(1).max(65_535).optional(),
    shown: z
      .object({
        of: z.string(),
        server: z.string().optional(),
        tools: z.int().min(0).optional(),
        era: z.enum(['legacy', 'modern']).optional(),
      })
      .optional()
      // Remembered, and learned again: no reason to lose a tunnel.
      .catch(undefined),
    tokens: z.array(
      z.object({
        id: z.string().min(1),
        value: z.string().refine(isUsableToken, 'not a usable token'),
        createdAt: z.number(),
        notAfter: z.number().optional(),
      }),
    ),
  })
  .refine(
    (tunnel) => tunnel.source === 'file' || tunnel.spec !== undefined,
    'a tunnel without its definition',
  );

export type TunnelOnDisk = z.output<typeof tunnelOnDisk>;

export const stateOnDisk = z.object({
  version: z.literal(STATE_VERSION),
  instance: z.string().regex(/^[0-9a-f]{16}$/),
  relaySecret: z.string().min(16),
  /** Checked one by one: a bad tunnel must not take the good ones with it. */
  tunnels: z.record(z.string(), z.unknown()),
});

export type StateOnDisk = z.output<typeof stateOnDisk>;

export const tunnelName = z.string().regex(TUNNEL_NAME);

export function fromDisk({ spec, tokens, gatewayPort, shown, ...rest }: TunnelOnDisk): StoredTunnel {
  return {
    ...rest,
    ...(gatewayPort === undefined ? {} : { gatewayPort }),
    ...(spec === undefined ? {} : { spec }),
    ...(shown === undefined ? {} : { shown: shown as ShownProgram }),
    tokens: tokens.map(({ notAfter, value, ...token }) => ({
      ...token,
      value: new Secret(value),
      ...(notAfter === undefined ? {} : { notAfter }),
    })),
  };
}

export function toDisk({ tokens, ...rest }: StoredTunnel): TunnelOnDisk {
  return { ...rest, tokens: tokens.map((token) => ({ ...token, value: token.value.reveal() })) };
}
