import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import type { DescriptorBudget } from '../core/descriptors.ts';
import type { Exchange, Peer, RequestHead, ResponseHead } from '../core/exchange.ts';
import type { Logger } from '../core/log.ts';
import type { TlsChallenges } from './challenge-front.ts';

export interface Http1ServerOptions {
  /** Called once for each request, in order; the next one of a connection waits for its end. */
  handler(exchange: Exchange): void;
  /** Who is calling, as far as this listener's position can tell. */
  peerOf(socket: Socket, request: RequestHead): Peer;
  readonly limits?: Partial<ServerLimits>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Speak TLS; plain TCP when absent. */
  readonly tls?: TlsOptions;
  /** Answers to authorities that look whether a name leads here; with `tls`. */
  readonly tlsChallenges?: TlsChallenges;
  /**
   * Offered every request that asks for an upgrade, before `handler`. Answering true takes the
   * socket: the server forgets it, and `buffered` holds the bytes that came after the head.
   */
  onUpgrade?(request: RequestHead, socket: Socket, buffered: Buffer): boolean;
  /** Connections of these addresses begin with a PROXY header; without this nobody's do. */
  readonly proxyHeaders?: { trusts(address: string): boolean };
  /** Whose connections are counted together; undefined: not at all. */
  limitedAddressOf?(socket: Socket): string | undefined;
  /** Where connections are counted as file descriptors; with the others of this process when absent. */
  readonly descriptors?: DescriptorBudget;
  /** Descriptors that serving one connection takes: 2 with one to a server behind us. Default: 1. */
  readonly descriptorsEach?: number;
  /** What to answer to a request the server refuses itself; a plain text when absent. */
  answerRefused?(refused: RefusedRequest): { readonly head: ResponseHead; readonly body: Buffer };
}

/** A request that never became an exchange, or whose body stalled before it was answered. */
export interface RefusedRequest {
  readonly status: number;
  /** A stable word: `bad-header-line`, `head-too-large`, `too-many-connections`, `slow-head`, … */
  readonly reason: string;
  readonly address: string;
}

export interface ServerLimits {
  /** Request line and headers with their final CRLFCRLF (bytes). */
  readonly headBytes: number;
  readonly connections: number;
  /** Of each address that `limitedAddressOf` names. */
  readonly connectionsPerAddress: number;
  /** From the first byte of a head (or from the connection) to its last (milliseconds). */
  readonly headTimeoutMs: number;
  /** A request body that is being read may be silent this long (milliseconds). */
  readonly bodyStallMs: number;
  /** A caller that takes no byte of what waits for it this long is gone (milliseconds). */
  readonly writeStallMs: number;
  /** A connection without a request is kept this long (milliseconds). */
  readonly keepAliveMs: number;
  /** After the last answer: how long the rest of what the caller sends is thrown away (milliseconds). */
  readonly lingerMs: number;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  headBytes: 16_384,
  connections: 1_024,
  connectionsPerAddress: Number.POSITIVE_INFINITY,
  headTimeoutMs: 10_000,
  bodyStallMs: 300_000,
  writeStallMs: 120_000,
  keepAliveMs: 75_000,
  lingerMs: 2_000,
};
