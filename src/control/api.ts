import type { Finding, ReportedError, TunnelStatus } from '../core/status.ts';

/**
 * What the CLI may ask of the daemon. `control/server.ts` serves it over HTTP on a Unix socket,
 * `control/client.ts` speaks it, `daemon/daemon.ts` implements it. Versioned: `PROTOCOL_VERSION`.
 */
export const PROTOCOL_VERSION = 1;

export interface DaemonApi {
  info(): DaemonInfo;
  list(): readonly TunnelStatus[];
  /** @throws {TunneldError} `TUNNEL_NOT_FOUND` */
  status(name: string): TunnelStatus;
  /** @throws {TunneldError} `TUNNEL_NOT_FOUND` */
  inspect(name: string): TunnelInspection;
  /**
   * Looks at everything the tunnel stands on, now.
   *
   * @throws {TunneldError} `TUNNEL_NOT_FOUND`
   */
  diagnose(name: string): Promise<Diagnosis>;
  /**
   * Defines a tunnel, or changes what the spec says of a known one, and wants it up. Idempotent: the
   * same spec changes nothing.
   *
   * @param spec part of a `TunnelSpec`, not yet validated; absent to bring up what is already known.
   * @throws {TunneldError} `CONFIG_INVALID`, `NAME_INVALID`, `UPSTREAM_NOT_LOOPBACK`,
   *   `PROVIDER_UNKNOWN`, `SECRET_UNAVAILABLE`, `TUNNEL_NOT_FOUND` (nothing known, no server said)
   */
  up(name: string, spec: unknown): Promise<UpResult>;
  /**
   * Changes the definition of a known tunnel, whether it is up or down; it stays what it is.
   *
   * @throws {TunneldError} those of `up`
   */
  change(name: string, amendment: Amendment): Promise<UpResult>;
  /** Reads the config file again and brings up every enabled tunnel, file and CLI ones. */
  upAll(): Promise<readonly UpResult[]>;
  down(name: string): Promise<TunnelStatus>;
  downAll(): Promise<readonly TunnelStatus[]>;
  /** Replaces the session now; cuts a back-off short; leaves `failed`. */
  restart(name: string): Promise<TunnelStatus>;
  /** Forgets the tunnel, its token included. File tunnels are refused with `CONFIG_INVALID`. */
  remove(name: string): Promise<void>;
  showToken(name: string): Promise<TokenReveal>;
  /** Makes a new token. The old one goes on working for `graceMs` (milliseconds, 0 = ends now). */
  rotateToken(name: string, graceMs: number): Promise<TokenReveal>;
  /** Calls back on every change of `list`. Returns the unsubscribe. */
  subscribe(listener: (change: StatusChange) => void): () => void;
  /** Answers first, then drains and ends the process. */
  stop(): void;
}

/** A tunnel is new or has another status now, or it is gone (its name). */
export type StatusChange = { readonly changed: TunnelStatus } | { readonly removed: string };

/** What a watcher is told: first every tunnel as it is, then each change. */
export type StatusEvent = { readonly tunnels: readonly TunnelStatus[] } | StatusChange;

/** One line of the event stream. `alerts`: those of `DaemonInfo`, whenever they are others. */
export type StreamLine = StatusEvent | { readonly alerts: readonly string[] };

export interface DaemonInfo {
  readonly pid: number;
  readonly version: string;
  readonly protocol: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly node: string;
  readonly socket: string;
  readonly stateDir: string;
  readonly logDir: string;
  /** The config file in use, if there is one. */
  readonly configFile?: string;
  /** Why the config file's last edit was not applied, if so. */
  readonly configError?: ReportedError;
  /** `http://127.0.0.1:7576` */
  readonly healthUrl: string;
  /** `http://127.0.0.1:7575` */
  readonly relayUrl: string;
  /** Things worth saying at every `daemon status`: a state file kept aside, a looser mode corrected. */
  readonly notes: readonly string[];
  /** Things the user has to know at every command: a state that was damaged or cannot be written, … */
  readonly alerts?: readonly string[];
  readonly tunnels: { readonly total: number; readonly healthy: number };
  /** It was asked to stop, and lets exchanges in flight finish: no more changes, answers still. */
  readonly stopping?: boolean;
}

/** What is to be different about a tunnel; everything else stays. */
export interface Amendment {
  /** Part of a `TunnelSpec`, not yet validated. */
  readonly set?: Readonly<Record<string, unknown>> | undefined;
  /** Keys that go back to their defaults, as `access.queryToken`. */
  readonly unset?: readonly string[] | undefined;
}

/** One key that holds another value now. Values as the config file would have them, secrets masked. */
export interface KeyChange {
  /** As in the config file, below the tunnel: `relay.url`. */
  readonly key: string;
  /** Absent: the default. */
  readonly from?: unknown;
  readonly to?: unknown;
}

export interface UpResult {
  readonly status: TunnelStatus;
  /** The tunnel did not exist before. */
  readonly created: boolean;
  /** The spec differs from the one in force. */
  readonly changed: boolean;
  /** What differs, of a tunnel that was known; absent when nothing does. */
  readonly changes?: readonly KeyChange[];
  /** The access token, only when this call made it. */
  readonly token?: string;
}

export interface TokenReveal {
  readonly name: string;
  readonly token: string;
  /** Until when the previous token still works (Unix milliseconds). */
  readonly previousValidUntil?: number;
  /** Marks requests as checks of our own (`PROBE_HEADER`); as secret as the token. While there is a gateway. */
  readonly probeKey?: string;
}

/** Everything known of one tunnel, secrets excepted. */
export interface TunnelInspection {
  readonly status: TunnelStatus;
  /** The configuration in force, defaults filled in, secrets as references or masked. */
  readonly config: unknown;
  /** Latest first: state changes with their causes. */
  readonly history: readonly HistoryEntry[];
  readonly gatewayUrl: string;
}

export interface Diagnosis {
  /** From the provider's engine to the public URL, in the order one would look. */
  readonly findings: readonly Finding[];
  /** What would make the provider's agent run by hand, secrets masked; for providers that have one. */
  readonly command?: string;
}

export interface HistoryEntry {
  /** Unix milliseconds. */
  readonly at: number;
  readonly from: string;
  readonly event: string;
  readonly to: string;
  readonly cause: string;
}
