import { BlockList, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import type { Peer, RequestHead } from '../../core/exchange.ts';
import type { Logger } from '../../core/log.ts';
import type { TlsChallenges } from '../../http1/challenge-front.ts';
import { Http1Server } from '../../http1/server.ts';
import type { RefusedRequest, ServerLimits } from '../../http1/server-options.ts';
import { addressOf, originOf } from '../../http1/socket-origin.ts';
import { MAX_HEAD_BYTES } from '../link/mux-stream.ts';
import { addressKey } from './address-key.ts';
import { AgentHub, accessOf, refuseSocket } from './agent-hub.ts';
import type { Authorize } from './authorization.ts';
import { dialectOf, type EdgeDialect, type PlugDialect } from './dialect.ts';
import { lookAt } from './edge-look.ts';
import { Ingress, isLinkPath, type VisitLimits } from './ingress.ts';
import { usableName } from './name-choice.ts';
import type { Visit } from './observed-exchange.ts';
import { ProxyHints } from './proxy-hints.ts';
import { RateLimiter } from './rate-limiter.ts';
import { answerBroken } from './relay-answer.ts';
import { Routing, type RoutingKind } from './routing.ts';
import { type ShedOptions, shed } from './shedding.ts';
import { isTrusted, visitorOf } from './visitor.ts';

export interface RelayLimits extends Partial<ServerLimits>, VisitLimits {
  readonly links: number;
  /** Links of one identity. */
  readonly linksPerIdentity: number;
  /** Agents' sockets that have not registered yet. */
  readonly pendingLinks: number;
  /** Requests in flight in one tunnel. */
  readonly streamsPerLink: number;
}

/** What may grow when a head is passed on (the visitor's line, our framing) must still fit the link. */
const MAX_PUBLIC_HEAD_BYTES = MAX_HEAD_BYTES - 1_024;

/**
 * Agents get this long to find our successor before their links end. Not longer: where it starts only
 * once we are gone, no relay listens for this long.
 */
const HANDOVER_MS = 1_000;

const DEFAULT_RELAY_LIMITS = {
  headBytes: 16_384,
  // Of visitors: agents' sockets leave them once they are links. Each tunnel may have some event streams.
  connections: 16_384,
  links: 4_096,
  linksPerIdentity: Number.POSITIVE_INFINITY,
  // More than one address may have connections, so that it takes several to fill it.
  pendingLinks: 512,
  streamsPerLink: 1_024,
  requestsPerAddress: 0,
  requestsPerTunnel: 0,
  // A stranger may send and take as slowly as it likes, but not nothing.
  bodyStallMs: 60_000,
  writeStallMs: 120_000,
} as const satisfies RelayLimits;

export interface RelayServerOptions {
  readonly host: string;
  /** File descriptors that serving a visitor takes: 2 where the agents are in this process as well. Default: 1. */
  readonly descriptorsEach?: number;
  /** 0 asks the system for a free one. */
  readonly port: number;
  /** By path, `/<name>/…`, or by host, `<name>.` in front of the public URL's, which must then be given. */
  readonly routing: { readonly kind: RoutingKind };
  /** Where visitors reach the relay; the listening address when absent. */
  readonly publicUrl?: URL;
  /** Speaks TLS itself; plain TCP when absent. */
  readonly tls?: TlsOptions;
  /** For certificates of our own making; with `tls`. */
  readonly tlsChallenges?: TlsChallenges;
  /** Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. */
  readonly trustedProxies?: BlockList;
  /** Connections of these proxies begin with a PROXY header. */
  readonly proxyProtocol?: boolean;
  /** Turns callers without the tunnel's token away here. The gateways check in any case. */
  readonly enforceAccess?: boolean;
  /** Other protocols whose agents may serve, or are told why not. */
  readonly dialects?: readonly PlugDialect[];
  /** Told of every visitor's request when it ended. */
  readonly onVisit?: (visit: Visit) => void;
  /** A name has a link, for the first time or anew. */
  readonly onRegistered?: (name: string) => void;
  /** Told of what was refused before it was a request: a broken or slow head, one connection too many. */
  readonly onRefused?: (refused: RefusedRequest) => void;
  readonly authorize: Authorize;
  /** How long after the start names may come back that an earlier relay had (milliseconds). */
  readonly returnsMs?: number;
  readonly limits?: Partial<RelayLimits>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface RelayStats {
  readonly links: number;
  readonly pendingLinks: number;
  readonly streams: number;
  readonly connections: number;
}

/** A tunnel that is served now, for the operator. */
export interface ServedTunnel {
  readonly name: string;
  readonly publicUrl: string;
  readonly link: string;
  /** Unix milliseconds. */
  readonly openedAt: number;
  /** Requests in flight. */
  readonly streams: number;
  /** Who holds the name. */
  readonly identity: string;
  /** The protocol its agent speaks. */
  readonly dialect: string;
  /** `open`: its agent told of no access tokens, and every caller who knows the address reaches it. */
  readonly access: 'token' | 'open';
  /** Where its agent dialled from. */
  readonly address: string | undefined;
}

/** Gives public URLs to agents that dial in, and carries visitors' requests to them. */
export class RelayServer {
  readonly #options: RelayServerOptions;
  readonly #http: Http1Server;
  readonly #hub: AgentHub;
  readonly #dialects: readonly EdgeDialect[];
  readonly #routing: Routing;
  readonly #ingress: Ingress;
  readonly #hints: ProxyHints;
  /** Apart from visitors' requests: those of an office must not lock its agents out. */
  #dials: RateLimiter;
  #limits: RelayLimits;
  #trusted: BlockList;
  #draining = false;

  constructor(options: RelayServerOptions) {
    this.#options = options;
    const limits = { ...DEFAULT_RELAY_LIMITS, ...options.limits };
    if (limits.headBytes > MAX_PUBLIC_HEAD_BYTES) throw new RangeError('headBytes does not fit the link');
    this.#limits = limits;
    this.#hints = new ProxyHints(options.log);
    const { clock, log, authorize } = options;
    this.#dials = new RateLimiter(limits.requestsPerAddress, clock);
    this.#routing = new Routing(options.routing.kind, options.publicUrl ?? baseUrl(options, options.port));
    const publicUrl = (name: string) => this.#routing.publicUrl(name);
    this.#hub = new AgentHub({
      ...limits,
      linksPerIdentity: () => this.#limits.linksPerIdentity,
      authorize,
      clock,
      log,
      publicUrl,
      look: (name, via, nonce) =>
        lookAt({ name, via, nonce }, { routing: this.#routing, names: this.#hub.names, clock }),
      returnsMs: options.returnsMs ?? 0,
      expects: (name) => usableName(name, options.routing.kind).ok,
      ...(options.onRegistered === undefined ? {} : { onRegistered: options.onRegistered }),
    });
    this.#trusted = options.trustedProxies ?? new BlockList();
    const context = { hub: this.#hub, authorize, limits, clock, log };
    this.#dialects = (options.dialects ?? []).map((plug) => plug(context));
    this.#ingress = new Ingress({
      routing: this.#routing,
      names: this.#hub.names,
      owners: this.#hub.owners,
      limits,
      enforceAccess: options.enforceAccess ?? false,
      dialects: this.#dialects,
      onVisit: options.onVisit,
      clock,
    });
    this.#http = new Http1Server({
      handler: (exchange) => this.#ingress.handle(exchange),
      peerOf: (socket, request) => this.#visitor(socket, request),
      // A proxy's connections are everybody's.
      limitedAddressOf: (socket) => {
        const address = addressOf(socket);
        return isTrusted(address, this.#trusted) ? undefined : addressKey(address);
      },
      descriptorsEach: options.descriptorsEach ?? 1,
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      ...(options.tlsChallenges === undefined ? {} : { tlsChallenges: options.tlsChallenges }),
      ...(options.proxyProtocol ? { proxyHeaders: { trusts: (at) => isTrusted(at, this.#trusted) } } : {}),
      limits,
      clock,
      log,
      answerRefused: (refused) => {
        options.onRefused?.(refused);
        return answerBroken(refused);
      },
      onUpgrade: (request, socket, buffered) => {
        const dialect = dialectOf(request.target, this.#dialects);
        if (dialect?.accept !== undefined) {
          // Any other method is told so like every request that is no handshake.
          if (request.method !== 'GET') return false;
          const { address } = this.#visitor(socket, request);
          if (this.#mayDial(socket, address)) dialect.accept(request, socket, buffered, address);
          return true;
        }
        if (!isLinkPath(request.target) || this.#routing.nameInHost(request.get('host')) !== undefined)
          return false;
        const { address } = this.#visitor(socket, request);
        if (this.#mayDial(socket, address)) this.#hub.accept(request, socket, buffered, address);
        return true;
      },
    });
  }

  get stats(): RelayStats {
    const { links, pending, streams } = this.#hub;
    return { links, pendingLinks: pending, streams, connections: this.#http.connections };
  }

  /** No new link or visitor is taken any more. */
  get draining(): boolean {
    return this.#draining;
  }

  get tunnels(): readonly ServedTunnel[] {
    return [...this.#hub.names.holders()].map(
      ({ name, link, linkId, openedAt, identity, address, guard }) => ({
        name,
        publicUrl: this.#routing.publicUrl(name).href,
        link: linkId,
        openedAt,
        streams: link.active,
        identity,
        dialect: link.dialect,
        access: accessOf(guard),
        address,
      }),
    );
  }

  /**
   * The host is the base domain's, or that of a tunnel which is served now.
   *
   * @param host lower case; with a port it is none
   */
  serves(host: string): boolean {
    const domain = this.#routing.base.hostname;
    if (host === domain) return true;
    // The caller chooses the port in `Host`; with it, one tunnel would look like many.
    if (host.includes(':')) return false;
    const name = this.#routing.nameInHost(host);
    return name !== undefined && this.#hub.names.find(name) !== undefined;
  }

  /** Whose tunnel a host is; undefined for one that no tunnel is served under. */
  ownerOf(host: string): string | undefined {
    const name = this.#routing.nameInHost(host);
    return name === undefined ? undefined : this.#hub.names.find(name)?.identity;
  }

  /** Is it an access token of a tunnel that is served now? */
  knowsToken(text: string): boolean {
    return this.#hub.owners.knows(text);
  }

  /** Certificate and key for connections from now on. */
  setTls(tls: TlsOptions): void {
    this.#http.setTls(tls);
  }

  /** Limits and proxies from now on. Counts of a rate that stays as it was go on. */
  reconfigure(limits: Partial<RelayLimits>, trustedProxies: BlockList): void {
    const before = this.#limits;
    const now = { ...before, ...limits };
    this.#limits = now;
    this.#trusted = trustedProxies;
    this.#ingress.setLimits(now);
    if (now.requestsPerAddress !== before.requestsPerAddress) {
      this.#dials = new RateLimiter(now.requestsPerAddress, this.#options.clock);
    }
    this.#http.setLimits(limits);
    for (const dialect of this.#dialects) dialect.setLimits?.(now);
  }

  /** @throws {TunneldError} `PORT_IN_USE` */
  async listen(): Promise<{ port: number }> {
    const { host, port } = this.#options;
    const bound = await this.#http.listen({ host, port });
    this.#routing.base = this.#options.publicUrl ?? baseUrl(this.#options, bound.port);
    return bound;
  }

  /**
   * Ends the tunnel of that name and everything in it, and says whether there was one. Its agent dials
   * again and gets the name back; `forGood` it does not, and the name is free.
   */
  disconnect(name: string, { reason, forGood = false }: { reason: string; forGood?: boolean }): boolean {
    return this.#hub.disconnect(name, forGood, reason);
  }

  /**
   * Asks the agents of these names (of all by default) to dial again, some after others. What is in
   * flight goes on, and each serves its name until its next link does. Resolves with how many were asked.
   */
  shed(
    options: ShedOptions,
    names: Iterable<string> = this.tunnels.map(({ name }) => name),
  ): Promise<number> {
    return shed(this.#hub.names, names, options, this.#options.clock);
  }

  /** Tells the agents to go, lets what is in flight finish for `timeoutMs` (milliseconds), then closes. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    const startedAt = this.#options.clock.monotonic();
    // The port is free before any agent dials again: it may be our successor's by then.
    const drained = this.#http.drain(timeoutMs);
    this.#hub.drain();
    await drained;
    const passedMs = this.#options.clock.monotonic() - startedAt;
    await this.#hub.emptied(Math.min(HANDOVER_MS, timeoutMs) - passedMs);
    this.#hub.close();
  }

  /** Ends everything at once. Idempotent. */
  async close(): Promise<void> {
    this.#hub.close();
    await this.#http.close();
  }

  /** Every dial that passes has its token looked up, perhaps at a server of the operator's. */
  #mayDial(socket: Socket, address: string): boolean {
    const waitSeconds = this.#dials.take(addressKey(address));
    if (waitSeconds === 0) return true;
    const text = 'too many links asked for from this address\n';
    refuseSocket(socket, '429 Too Many Requests', text, `Retry-After: ${waitSeconds}\r\n`);
    return false;
  }

  #visitor(socket: Socket, request: RequestHead): Peer {
    // A PROXY header says who it is, and so does a listener that nothing is in front of.
    if (originOf(socket) === undefined) {
      const direct = addressOf(socket);
      this.#hints.note(direct, isTrusted(direct, this.#trusted), request);
    }
    const scheme = this.#routing.base.protocol === 'https:' ? 'https' : 'http';
    return visitorOf(socket, request, this.#trusted, scheme);
  }
}

function baseUrl({ host, tls }: RelayServerOptions, port: number): URL {
  const scheme = tls === undefined ? 'http' : 'https';
  return new URL(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`);
}
