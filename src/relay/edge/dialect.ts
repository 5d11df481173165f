import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { Exchange, RequestHead } from '../../core/exchange.ts';
import type { Logger } from '../../core/log.ts';
import type { AgentHub } from './agent-hub.ts';
import type { Authorize } from './authorization.ts';
import type { BodyLimits } from './limited-exchange.ts';

/**
 * A protocol besides our own in which agents register at a relay. Whoever starts the relay plugs it
 * in; the relay knows nothing of it but this.
 */
export interface EdgeDialect {
  /** Where its agents register, on every host of the relay. */
  readonly path: string;
  /**
   * Takes over the socket of a WebSocket handshake for `path`. Absent: such agents are refused here, and
   * `path` is an ordinary one wherever it means a tunnel.
   */
  accept?(request: RequestHead, socket: Socket, buffered: Buffer, address: string): void;
  /** Answers a request for `path` that no tunnel is to get. */
  refuse(exchange: Exchange): void;
  /** For agents that register from now on. */
  setLimits?(limits: DialectLimits): void;
}

export interface DialectLimits extends BodyLimits {
  /** Requests in flight in one tunnel. */
  readonly streamsPerLink: number;
}

/** What a dialect is given of the relay that it serves. */
export interface DialectContext {
  readonly hub: AgentHub;
  readonly authorize: Authorize;
  readonly limits: DialectLimits;
  readonly clock: Clock;
  readonly log: Logger;
}

export type PlugDialect = (context: DialectContext) => EdgeDialect;

/** The one of `dialects` whose agents ask for this target. */
export function dialectOf(target: string, dialects: readonly EdgeDialect[]): EdgeDialect | undefined {
  return dialects.find(({ path }) => target === path || target.startsWith(`${path}?`));
}
