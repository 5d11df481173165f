import type { Exchange } from '../../core/exchange.ts';
import type { GoawayReason } from '../link/link-error.ts';

/** A registered agent as the relay's public side sees it, whatever protocol it speaks. */
export interface EdgeLink {
  /** The protocol it speaks, for the operator. */
  readonly dialect: string;
  /** It dials again when it is asked to go. */
  readonly returns: boolean;
  /** It was asked to go, and ends by itself once its successor serves and nothing is on it. */
  readonly leaving: boolean;
  /** Requests in flight. */
  readonly active: number;
  /** Carries one visitor's exchange; answers it here when the agent can take no more. */
  forward(exchange: Exchange, target: string): void;
  /** Asks the agent to go; what is in flight goes on. */
  goaway(reason: GoawayReason, detail: string): void;
  /** Calls back once nothing is in flight, at once if nothing is. */
  whenIdle(callback: () => void): void;
  /** Says why, then ends everything. Idempotent. */
  close(reason: GoawayReason, detail: string): void;
  /** Ends everything without another word: the agent was told before. */
  end(reason: GoawayReason): void;
}
