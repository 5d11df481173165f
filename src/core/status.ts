/** The shapes that health, daemon, control and CLI share. Plain data: it travels as JSON. */

/** The life of a tunnel; `daemon/tunnel-state.ts` holds the table of transitions. */
export type TunnelState = 'stopped' | 'opening' | 'up' | 'replacing' | 'backing-off' | 'closing' | 'failed';

/**
 * What the probes of both legs mean together.
 *
 * `unknown` until both legs were probed once. `degraded`: both legs answer, slowly. The rest is
 * the table in ARCHITECTURE.md.
 */
export type Verdict =
  | 'unknown'
  | 'healthy'
  | 'degraded'
  | 'server-down'
  | 'tunnel-down'
  | 'network-down'
  | 'exposed'
  | 'auth'
  | 'config'
  | 'limited';

/** `local`: gateway → upstream. `public`: internet → provider → gateway → upstream. */
export type Leg = 'local' | 'public';

/** Which revision family the server speaks, as far as the probes could tell. */
export type Era = 'modern' | 'legacy' | 'legacy-sse' | 'http' | 'unknown';

export interface LegReport {
  readonly ok: boolean;
  /** When this leg was last probed (Unix milliseconds). */
  readonly at: number;
  /** Time to the answer (milliseconds); absent when nothing answered. */
  readonly latencyMs?: number;
  /** A stable word for what was seen: `ok`, `refused`, `timeout`, `not-mcp`, `wrong-path`, … */
  readonly finding: string;
  /** One human sentence with the evidence (never a secret). */
  readonly detail: string;
}

export interface HealthReport {
  readonly verdict: Verdict;
  /** Why, in one sentence; names the leg. */
  readonly cause: string;
  /** What the user can do; empty when nothing is wrong. */
  readonly remedy: string;
  /** When the verdict last changed (Unix milliseconds). */
  readonly since: number;
  readonly era: Era;
  readonly local?: LegReport;
  readonly public?: LegReport;
  /** `name version` of the MCP server, once it told us. */
  readonly server?: string;
}

export interface ReportedError {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/** One thing looked at: `engine`, `image`, `container`, … */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** One sentence with the evidence (never a secret). */
  readonly detail: string;
  /** What the user can do; empty when nothing is wrong. */
  readonly remedy: string;
}

/** One tunnel, as `status --json` prints it. */
export interface TunnelStatus {
  readonly name: string;
  readonly provider: string;
  /** What the user wants. */
  readonly desired: 'up' | 'down';
  /** Who defined it: the config file, or `tunneld up`. */
  readonly source: 'file' | 'cli';
  readonly state: TunnelState;
  /** When the state last changed (Unix milliseconds). */
  readonly since: number;
  readonly health: HealthReport;
  /** Public base URL of the live (or last) session, without the MCP path. */
  readonly publicUrl?: string;
  /** The URL to paste into a client: public base plus MCP path. */
  readonly mcpUrl?: string;
  /** Upstream URL with its MCP path. */
  readonly upstream: string;
  readonly insecurePublic: boolean;
  readonly session?: {
    readonly generation: number;
    /** Unix milliseconds. */
    readonly openedAt: number;
    /** Unix milliseconds; absent when the provider sets no end. */
    readonly expiresAt?: number;
    /** What it cannot do that others can, a sentence each; absent when there is nothing to say. */
    readonly notes?: readonly string[];
  };
  /** What an opening that takes long is busy with: `pulling pinggy/pinggy:latest: 40 %`. */
  readonly progress?: string;
  /** Failed attempts since the tunnel last was up for long enough. */
  readonly attempts: number;
  /** When the next attempt is due (Unix milliseconds), while backing off. */
  readonly nextRetryAt?: number;
  readonly lastError?: ReportedError;
  /** Sessions replaced since the daemon started. */
  readonly replacements: number;
  readonly requests: { readonly total: number; readonly active: number };
}
