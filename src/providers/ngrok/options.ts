import type { Secret } from '../../core/secret.ts';

/** Everything a user may say about an ngrok tunnel; `docs/providers.md` explains each. */
export interface NgrokOptions {
  readonly authtoken?: Secret;
  /** A domain of the account; the account's own dev domain when absent. */
  readonly domain?: string;
  /** Other agents may serve the same domain at the same time. */
  readonly pooling: boolean;
  /** Free text for the dashboard. */
  readonly metadata?: string;

  /** Let the edge ask for the access token, before anything reaches us. */
  readonly edgeAuth: boolean;
  /** Let CORS preflights pass the edge's own check. */
  readonly passPreflight: boolean;
  /** Callers the edge lets through as well: `user:password`. */
  readonly basicAuth: readonly Secret[];
  /** Networks (CIDR) that may connect; everybody when empty. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Rules of the user's own, by phase; they run between our check and our rewriting. */
  readonly trafficPolicy: TrafficPolicy;

  /** `us`, `eu`, …; the nearest when absent. */
  readonly region?: string;
  /** `host:port` of a private edge; overrides the region. */
  readonly server?: string;
  /** File with the certificates (PEM) of a private edge. */
  readonly caFile?: string;

  /** Between two heartbeats (milliseconds, whole seconds). */
  readonly heartbeatIntervalMs: number;
  /** What an answer may take on top (milliseconds, whole seconds). */
  readonly heartbeatToleranceMs: number;
}

export type TrafficPolicy = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

export const NGROK_DEFAULTS: NgrokOptions = {
  pooling: false,
  edgeAuth: true,
  passPreflight: false,
  basicAuth: [],
  allow: [],
  deny: [],
  trafficPolicy: {},
  heartbeatIntervalMs: 10_000,
  heartbeatToleranceMs: 15_000,
};
