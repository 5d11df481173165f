import type { BlockList } from 'node:net';
import type { Secret } from '../../core/secret.ts';
import type { TokenGrant } from '../static-tokens.ts';

/** Who may register tunnels. */
export type RelayAuth =
  | {
      readonly kind: 'static';
      /** Reads them anew. @throws {TunneldError} when they cannot be read */
      grants(): readonly TokenGrant[];
      /** They stand in a file, which may change. */
      readonly mayChange?: boolean;
    }
  | { readonly kind: 'provider'; readonly url: URL; readonly secret: Secret }
  | { readonly kind: 'open' };

/** Everything `tunneld relay` was told, checked. */
export interface RelaySettings {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly routing: 'host' | 'path';
  readonly publicUrl: URL;
  readonly auth: RelayAuth;
  /** Files in PEM. Read again when they change. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Certificates from an authority that speaks ACME, instead of from files. */
  readonly acme?:
    | { readonly directory: URL; readonly email: string | undefined; readonly folder: string }
    | undefined;
  /** A listener without TLS that sends visitors to the one with it; undefined is none. */
  readonly redirectPort?: number | undefined;
  readonly trustedProxies: BlockList;
  /** Connections of trusted proxies begin with a PROXY header. */
  readonly proxyProtocol: boolean;
  /** Clients of mcp-tunnel and mcpr may serve: without access tokens, to whoever knows the address. */
  readonly mcpTunnelAgents: boolean;
  /** Loopback port of health checks and metrics; undefined is none. */
  readonly adminPort: number | undefined;
  /** A Unix socket with the same, for this user alone. */
  readonly adminSocket?: string | undefined;
  readonly limits: {
    readonly requestsPerAddress: number;
    readonly requestsPerTunnel: number;
    readonly connectionsPerAddress: number;
    /** Of agents that show the same token; default: no limit. */
    readonly linksPerIdentity?: number;
    /** Bytes; 0 is no limit. */
    readonly maxRequestBodyBytes?: number;
    readonly maxResponseBodyBytes?: number;
  };
  /** The share of unremarkable requests that are logged, from 0 to 1; default 1. */
  readonly logSample?: number;
  /** How long exchanges in flight may go on after SIGTERM (milliseconds). */
  readonly drainMs: number;
  /** How long after the start names may come back that an earlier process had (milliseconds); default 60 s. */
  readonly returnsMs?: number;
}
