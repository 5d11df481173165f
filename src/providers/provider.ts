import type { EdgeAccess } from '../access/edge-access.ts';
import type { EdgeCheck } from '../core/edge-check.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Logger } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { SessionEnd } from '../core/session-end.ts';
import type { Finding } from '../core/status.ts';

/**
 * What the supervisor asks of a provider. Deliberately small: two verbs and one promise.
 *
 * Its kind says in which way requests come (`ProviderKind.way`); it is given requests of that way only.
 *
 * Life of a session: `open` → the public URL is known → traffic enters the gateway → `closed`
 * settles with the reason. A provider never restarts anything by itself; it says why it ended.
 */
export interface TunnelProvider<Request extends OpenRequest = OpenRequest> {
  readonly kind: string;
  /**
   * A session that opens while another one lives takes its place at the edge, and the old one may finish
   * what it carries: visitors notice nothing.
   */
  readonly overlaps?: boolean;

  /**
   * Opens a session and resolves once its public URL is known.
   *
   * Aborting `context.signal` releases everything the attempt created (container, socket,
   * process) before the promise rejects with the signal's reason.
   *
   * @throws {TunneldError} `TUNNEL_OPEN_TIMEOUT`, `CREDENTIAL_REJECTED`, or a provider's own code.
   *   Whether a retry makes sense is a property of the code.
   */
  open(request: Request, context: OpenContext): Promise<TunnelSession>;

  /** What a person would type to get the same session, secrets masked. */
  equivalentCommand?(request: Request): Promise<string>;

  /** Looks at each thing a session needs, in order; stops at nothing. Never rejects. */
  diagnose?(request: Request): Promise<readonly Finding[]>;

  /**
   * Whether what made the last attempt fail works again: a name that resolves, a port that takes
   * connections. A cheap look every few seconds between attempts; false where that cannot be told. Never
   * rejects.
   */
  mended?(): Promise<boolean>;

  /** Releases what the provider holds beyond its sessions. Idempotent. */
  dispose?(): Promise<void>;
}

/** What a session is opened for, by the way in which requests come from the provider's agent. */
export type OpenRequest = InProcessRequest | PortRequest;

interface RequestOfTunnel {
  /** The tunnel's name. */
  readonly name: string;
  /**
   * Told as soon as the public URL is known, before the first visitor is let in: visitors may be waiting, and
   * their Host is judged by it. It is also what `open` resolves with.
   */
  announce?(publicUrl: URL): void;
}

/** For agents that live in the daemon: no extra hop, and sessions outlive a change of the gateway. */
export interface InProcessRequest extends RequestOfTunnel {
  readonly way: 'in-process';
  /** The gateway. */
  accept(exchange: Exchange): void;
  /**
   * Headers (name and value alternating) that make a request a probe of our own, for an edge that looks
   * at us when asked: put on in this process, never told to the edge. The gateway's answer repeats the
   * nonce.
   */
  probeHeaders?(nonce: string): readonly string[];
  /** Who may call: the edge can turn strangers away. The gateway checks in any case. */
  readonly access?: AccessSource;
}

/** For agents in another process. */
export interface PortRequest extends RequestOfTunnel {
  readonly way: 'port';
  /** The gateway over loopback TCP. */
  readonly gatewayUrl: URL;
  /**
   * The access tokens callers may use now, for an edge that checks them too. Empty or absent: the edge
   * lets everybody through (the gateway has the last word in any case).
   */
  accessTokens?(): readonly Secret[];
  /** Who runs the tunnel: sessions can outlive the daemon's process. */
  readonly owner?: SessionOwner;
}

export interface AccessSource {
  /** Undefined: anybody, or nobody but the gateway can tell. */
  current(): EdgeAccess | undefined;
  /** Calls back after each change. Returns how to stop. */
  subscribe(listener: () => void): () => void;
}

/**
 * The daemon's lasting identity. What a provider leaves outside the process (a container) is
 * marked with it, and found again by the next process of the same daemon.
 */
export interface SessionOwner {
  /** Not secret; the same after a restart, different for every daemon. */
  readonly instance: string;
  /** Not secret; of the daemon's state folder: the same even after everything in it was lost. */
  readonly place: string;
  /** For marks that must reveal nothing of what they stand for. The same after a restart. */
  readonly key: Secret;
}

export interface OpenContext {
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** The user asked for this session here and now: it may take a name over from where it is served. */
  readonly insists?: boolean;
  /** Told what is going on while a slow step lasts (an image being pulled), in a few words. */
  progress?(step: string): void;
}

export interface TunnelSession {
  /** Where visitors reach the gateway; no MCP path. May have a path prefix of its own. */
  readonly publicUrl: URL;
  /** When the provider will cut the session off, if it says so (Unix milliseconds). */
  readonly expiresAt: number | undefined;
  /** What this session cannot do that others can, a sentence each; may grow while it lasts. */
  readonly notes?: readonly string[];
  /**
   * Asks the provider's own side to look at the public name: for machines that cannot reach it
   * themselves (no hairpin, split DNS). Absent where a provider has no such question. Never rejects
   * but with the signal's reason.
   */
  checkFromEdge?(signal: AbortSignal): Promise<EdgeCheck>;
  /** Settles when the session has ended, for whatever reason. Never rejects. */
  readonly closed: Promise<SessionEnd>;
  /** Idempotent. Resolves after `closed` has settled. */
  close(): Promise<void>;
}
