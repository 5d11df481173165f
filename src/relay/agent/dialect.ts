import type { Clock } from '../../core/clock.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { Logger } from '../../core/log.ts';
import type { Secret } from '../../core/secret.ts';
import type { SessionEnd } from '../../core/session-end.ts';
import type { LinkEndpoint } from '../link/websocket-handshake.ts';
import type { ProxyRoute } from './proxy-route.ts';

/** A protocol besides our own in which an agent can serve a name at a relay. */
export interface AgentDialect {
  /** For findings and notes: `mcp-tunnel`. */
  readonly name: string;
  /** What a relay that speaks it is asked for. */
  readonly endpoint: LinkEndpoint;
  /**
   * Dials a relay, registers the name and serves it.
   *
   * @throws {ForeignEndpointError} when the relay does not speak it, or is one of ours, which is better
   *   spoken to in its own protocol
   * @throws {TunneldError} what `open` of a provider throws; the signal's reason when aborted
   */
  open(options: DialectOptions): Promise<DialectSession>;
}

export interface DialectOptions {
  readonly relayUrl: URL;
  readonly name: string;
  readonly token: Secret;
  /** Hosts besides the relay's own that it may name in the public URL; see `assertPublicUrl`. */
  readonly publicHosts?: readonly string[];
  /** Takes each request, in process. */
  accept(exchange: Exchange): void;
  /** Told the public URL before the first `accept`. */
  announce?(publicUrl: URL): void;
  /** The way to the relay leads through it. */
  readonly proxy?: ProxyRoute | undefined;
  /** Gives up the attempt; of no effect once the session is open. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface DialectSession {
  readonly publicUrl: URL;
  /** Settles when the connection is gone. Never rejects. */
  readonly closed: Promise<SessionEnd>;
  /** What this relay cannot do; more is known once the first request came. */
  readonly notes: readonly string[];
  /** Ends the connection and everything on it. Idempotent; resolves after `closed`. */
  close(): Promise<void>;
}
