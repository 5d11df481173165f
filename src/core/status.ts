/** The shapes that health, daemon, control and CLI share. Plain data: it travels as JSON. */

/** The life of a tunnel; `daemon/tunnel-state.ts` holds the table of transitions. */
export type TunnelState =
  | 'stopped'
  | 'opening'
  | 'up'
  | 'replacing'
  | 'backing-off'
  | 'closing'
  | 'giving-up'
  | 'failed';

/**
 * What is known of both legs together.
 *
 * `unknown` until both legs were looked at once. `degraded`: both legs answer, not well. `unverified`:
 * nothing speaks against it, but this machine cannot see all of it. The rest is the table in
 * ARCHITECTURE.md.
 */
export type Verdict =
  | 'unknown'
  | 'healthy'
  | 'degraded'
  | 'unverified'
  | 'server-down'
  | 'tunnel-down'
  | 'network-down'
  | 'out-of-resources'
  | 'exposed'
  | 'auth'
  | 'config'
  | 'limited';

/** What a verdict means to those who act on it. */
export interface VerdictMeaning {
  /** Callers are served, as far as anybody knows. */
  readonly serves: boolean;
  /** It proves that the session carries traffic, whatever is wrong behind it. */
  readonly sessionWorks: boolean;
  /** The fault is not the session's: replacing it would change nothing. */
  readonly notTheSession: boolean;
  /** It lasts until the user does something. */
  readonly needsSomebody: boolean;
}

/** One table for supervisor, monitor, readiness and commands: a new verdict is decided for all of them at once. */
export const VERDICTS: Readonly<Record<Verdict, VerdictMeaning>> = {
  unknown: { serves: false, sessionWorks: false, notTheSession: false, needsSomebody: false },
  healthy: { serves: true, sessionWorks: true, notTheSession: false, needsSomebody: false },
  degraded: { serves: true, sessionWorks: true, notTheSession: false, needsSomebody: false },
  unverified: { serves: true, sessionWorks: true, notTheSession: true, needsSomebody: false },
  'server-down': { serves: false, sessionWorks: true, notTheSession: true, needsSomebody: true },
  'tunnel-down': { serves: false, sessionWorks: false, notTheSession: false, needsSomebody: false },
  'network-down': { serves: false, sessionWorks: false, notTheSession: true, needsSomebody: false },
  'out-of-resources': { serves: false, sessionWorks: false, notTheSession: true, needsSomebody: true },
  exposed: { serves: false, sessionWorks: false, notTheSession: true, needsSomebody: true },
  auth: { serves: false, sessionWorks: false, notTheSession: true, needsSomebody: true },
  config: { serves: false, sessionWorks: true, notTheSession: true, needsSomebody: true },
  limited: { serves: false, sessionWorks: false, notTheSession: true, needsSomebody: true },
};

/** `local`: gateway → upstream. `public`: internet → provider → gateway. */
export type Leg = 'local' | 'public';

/** Which revision family the server speaks, as far as the probes could tell. */
export type Era = 'modern' | 'legacy' | 'legacy-sse' | 'http' | 'unknown';

/**
 * What the report of a leg rests on, the deepest first: the server's answer to `initialize` or to
 * `server/discover`, any HTTP answer (`http`), a connection (`tcp`); what became of real calls
 * (`traffic`); what we know of a program that we started ourselves (`process`); our own marker, which came through the public URL (`marker`).
 */
export type Basis = 'initialize' | 'discover' | 'http' | 'tcp' | 'traffic' | 'process' | 'marker';

export interface LegReport {
  readonly ok: boolean;
  /** When this was seen (Unix milliseconds). */
  readonly at: number;
  /** What it rests on; absent in the words of an older daemon. */
  readonly basis?: Basis;
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
  /** What an opening that takes long is busy with: `pulling an image: 40 %`. */
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
