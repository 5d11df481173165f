import { BlockList, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import type { Exchange, Peer, RequestHead } from '../core/exchange.ts';
import type { Logger } from '../core/log.ts';
import { RELAY_HEADER } from '../core/markers.ts';
import type { TlsChallenges } from '../http1/challenge-front.ts';
import { isOAuthPath } from '../http1/refusal-text.ts';
import { Http1Server } from '../http1/server.ts';
import type { RefusedRequest, ServerLimits } from '../http1/server-options.ts';
import { addressOf } from '../http1/socket-origin.ts';
import { addressKey } from './address-key.ts';
import type { Authorize } from './authorization.ts';
import { routeHost } from './host-routing.ts';
import { type BodyLimits, declaredTooLarge, limitBodies } from './limited-exchange.ts';
import { accessOf, LinkHub } from './link-hub.ts';
import { isRegisterPath, McpTunnelAgents, refuseRegistration } from './mcp-tunnel/agents.ts';
import { MAX_HEAD_BYTES } from './mux-stream.ts';
import type { NameHolder } from './name-registry.ts';
import { ObservedExchange, type Visit } from './observed-exchange.ts';
import { type Route, routePath, routeWellKnown } from './path-routing.ts';
import { RateLimiter } from './rate-limiter.ts';
import {
  answer,
  answerBroken,
  pageHeaders,
  refuse,
  refuseDiscovery,
  refuseStranger,
  TEXT_TYPE,
} from './relay-answer.ts';
import { type ShedOptions, shed } from './shedding.ts';
import { isTrusted, visitorOf } from './visitor.ts';
import { LINK_PATH } from './websocket-handshake.ts';

export interface RelayLimits extends Partial<ServerLimits>, BodyLimits {
  readonly links: number;
  /** Agents' sockets that have not registered yet. */
  readonly pendingLinks: number;
  /** Requests in flight in one tunnel. */
  readonly streamsPerLink: number;
  /** Requests in a second, with a burst of twice that; 0 is no limit. */
  readonly requestsPerAddress: number;
  readonly requestsPerTunnel: number;
}

/** What may grow when a head is passed on (the visitor's line, our framing) must still fit the link. */
const MAX_PUBLIC_HEAD_BYTES = MAX_HEAD_BYTES - 1_024;

/**
 * Agents get this long to find our successor before their links end. Not longer: where it starts only
 * once we are gone, this is how long nobody listens.
 */
const HANDOVER_MS = 1_000;

const DEFAULT_RELAY_LIMITS = {
  headBytes: 16_384,
  connections: 4_096,
  links: 4_096,
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
  /** 0 asks the system for a free one. */
  readonly port: number;
  /** By path, `/<name>/…`, or by host, `<name>.` in front of the public URL's, which must then be given. */
  readonly routing: { readonly kind: 'path' | 'host' };
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
  /** Clients of mcp-tunnel and mcpr may serve too. They have no access tokens: anybody may call them. */
  readonly mcpTunnelAgents?: boolean;
  /** Told of every visitor's request when it ended. */
  readonly onVisit?: (visit: Visit) => void;
  /** A name has a link, for the first time or anew. */
  readonly onRegistered?: (name: string) => void;
  /** Told of what was refused before it was a request: a broken or slow head, one connection too many. */
  readonly onRefused?: (refused: RefusedRequest) => void;
  readonly authorize: Authorize;
  /** After the start, visitors of names that may yet come back from an earlier relay wait (milliseconds). */
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
  /** `open`: its agent has no access tokens, and whoever knows the address may call. */
  readonly access: 'token' | 'open';
  /** Where its agent dialled from. */
  readonly address: string | undefined;
}

/** Gives public URLs to agents that dial in, and carries visitors' requests to them. */
export class RelayServer {
  readonly #options: RelayServerOptions;
  readonly #http: Http1Server;
  readonly #hub: LinkHub;
  readonly #agents: McpTunnelAgents | undefined;
  #perAddress: RateLimiter;
  #perTunnel: RateLimiter;
  #limits: RelayLimits;
  #trusted: BlockList;
  #base: URL;
  #draining = false;

  constructor(options: RelayServerOptions) {
    this.#options = options;
    const limits = { ...DEFAULT_RELAY_LIMITS, ...options.limits };
    if (limits.headBytes > MAX_PUBLIC_HEAD_BYTES) throw new RangeError('headBytes does not fit the link');
    this.#limits = limits;
    const { clock, log, authorize } = options;
    this.#base = options.publicUrl ?? baseUrl(options.host, options.port);
    this.#perAddress = new RateLimiter(limits.requestsPerAddress, clock);
    this.#perTunnel = new RateLimiter(limits.requestsPerTunnel, clock);
    const publicUrl = (name: string) => this.#publicUrl(name);
    this.#hub = new LinkHub({
      ...limits,
      authorize,
      clock,
      log,
      publicUrl,
      returnsMs: options.returnsMs ?? 0,
      ...(options.onRegistered === undefined ? {} : { onRegistered: options.onRegistered }),
    });
    this.#trusted = options.trustedProxies ?? new BlockList();
    if (options.mcpTunnelAgents) {
      this.#agents = new McpTunnelAgents({ hub: this.#hub, authorize, clock, limits });
    }
    this.#http = new Http1Server({
      handler: (exchange) => this.#handle(exchange),
      peerOf: (socket, request) => this.#visitor(socket, request),
      // A proxy's connections are everybody's.
      limitedAddressOf: (socket) => {
        const address = addressOf(socket);
        return isTrusted(address, this.#trusted) ? undefined : addressKey(address);
      },
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
        if (this.#agents !== undefined && isRegisterPath(request.target)) {
          // Any other method is told so like every request that is no handshake.
          if (request.method !== 'GET') return false;
          const { address } = this.#visitor(socket, request);
          this.#agents.accept(request, socket, buffered, address);
          return true;
        }
        if (!isLinkPath(request.target) || this.#nameInHost(request.get('host')) !== undefined) return false;
        this.#hub.accept(request, socket, buffered, this.#visitor(socket, request).address);
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
    return [...this.#hub.names.holders()].map(({ name, link, linkId, openedAt, identity, address }) => ({
      name,
      publicUrl: this.#publicUrl(name).href,
      link: linkId,
      openedAt,
      streams: link.active,
      identity,
      dialect: link.dialect,
      access: accessOf(link.guarded),
      address,
    }));
  }

  /** The host is the base domain's, or that of a tunnel which is served now. */
  serves(host: string): boolean {
    const domain = this.#base.hostname;
    if (host === domain) return true;
    const name = this.#nameInHost(host)?.name;
    return name !== undefined && this.#hub.names.find(name) !== undefined;
  }

  /** Certificate and key for connections from now on. */
  setTls(tls: TlsOptions): void {
    this.#http.setTls(tls);
  }

  /** Limits and proxies from now on. Counts of a rate that stays as it was go on. */
  reconfigure(limits: Partial<RelayLimits>, trustedProxies: BlockList): void {
    const before = this.#limits;
    const now = { ...before, ...limits };
    const { clock } = this.#options;
    this.#limits = now;
    this.#trusted = trustedProxies;
    if (now.requestsPerAddress !== before.requestsPerAddress) {
      this.#perAddress = new RateLimiter(now.requestsPerAddress, clock);
    }
    if (now.requestsPerTunnel !== before.requestsPerTunnel) {
      this.#perTunnel = new RateLimiter(now.requestsPerTunnel, clock);
    }
    this.#http.setLimits(limits);
    this.#agents?.setLimits(now);
  }

  /** @throws {TunneldError} `PORT_IN_USE` */
  async listen(): Promise<{ port: number }> {
    const { host, port } = this.#options;
    const bound = await this.#http.listen({ host, port });
    this.#base = this.#options.publicUrl ?? baseUrl(host, bound.port);
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

  #publicUrl(name: string): URL {
    if (this.#options.routing.kind === 'path') {
      return new URL(`${this.#base.href.replace(/\/+$/, '')}/${name}`);
    }
    const url = new URL(this.#base);
    url.hostname = `${name}.${url.hostname}`;
    return url;
  }

  #visitor(socket: Socket, request: RequestHead): Peer {
    const scheme = this.#base.protocol === 'https:' ? 'https' : 'http';
    return visitorOf(socket, request, this.#trusted, scheme);
  }

  #nameInHost(host: string | undefined): Route | undefined {
    if (this.#options.routing.kind !== 'host') return undefined;
    return routeHost(host ?? '', '', this.#base.hostname);
  }

  #handle(visitor: Exchange): void {
    const { target } = visitor.request;
    const host = visitor.request.get('host') ?? '';
    const byHost = this.#options.routing.kind === 'host';
    const route = byHost
      ? routeHost(host, target, this.#base.hostname)
      : (routeWellKnown(target) ?? routePath(target));
    const exchange = this.#observed(visitor, route);
    const waitSeconds = this.#perAddress.take(addressKey(exchange.peer.address));
    if (waitSeconds > 0) refuse(exchange, { ...TOO_MANY_OF_ADDRESS, retryAfterSeconds: waitSeconds });
    else if (this.#agents !== undefined && isRegisterPath(target)) refuseRegistration(exchange);
    else if (route !== undefined) this.#toTunnel(exchange, route);
    else this.#answerItself(exchange);
  }

  #toTunnel(exchange: Exchange, route: Route): void {
    const holder = this.#hub.names.find(route.name);
    if (holder !== undefined) this.#admit(exchange, holder, route);
    else this.#awaitTunnel(exchange, route);
  }

  #answerItself(exchange: Exchange): void {
    const { target, method } = exchange.request;
    if (isOAuthPath(target)) refuseDiscovery(exchange);
    else if (isLinkPath(target)) refuse(exchange, LINK_NEEDS_UPGRADE);
    else if (/^\/(?:\?|$)/.test(target) && (method === 'GET' || method === 'HEAD')) greet(exchange);
    else refuse(exchange, UNKNOWN_TUNNEL);
  }

  /** What may enter a tunnel, once it has a link. */
  #admit(exchange: Exchange, holder: NameHolder, route: Route): void {
    const { enforceAccess } = this.#options;
    const verdict = enforceAccess ? holder.guard.judge(exchange.request, route.target) : 'pass';
    const forPages = pageHeaders(exchange.request, holder.guard.origins);
    if (verdict !== 'pass') {
      if (isOAuthPath(route.target)) refuseDiscovery(exchange, forPages);
      else refuseStranger(exchange, verdict === 'wrong-token', forPages);
      return;
    }
    const waitSeconds = this.#perTunnel.take(route.name);
    const tooLarge = declaredTooLarge(exchange.request, this.#limits);
    if (waitSeconds > 0) {
      refuse(exchange, { ...TOO_MANY_OF_TUNNEL, retryAfterSeconds: waitSeconds, headers: forPages });
    } else if (tooLarge !== undefined) refuse(exchange, { ...tooLarge, headers: forPages });
    else holder.link.forward(limitBodies(exchange, this.#limits), route.target);
  }

  #observed(exchange: Exchange, route: Route | undefined): Exchange {
    const { onVisit, clock } = this.#options;
    if (onVisit === undefined) return exchange;
    const startedAt = clock.monotonic();
    return new ObservedExchange(exchange, (observed, outcome) => {
      const { request, peer, status, responseBytes, reason } = observed;
      onVisit({
        request,
        peer,
        name: route?.name,
        target: route?.target ?? request.target,
        status,
        responseBytes,
        durationMs: clock.monotonic() - startedAt,
        outcome,
        reason,
      });
    });
  }

  /** Nobody serves the name now. One that was live a moment ago gets time to reconnect. */
  #awaitTunnel(exchange: Exchange, route: Route): void {
    const { names } = this.#hub;
    const refuseMissing = () => {
      const byPath = this.#options.routing.kind === 'path';
      if (names.remembers(route.name)) refuse(exchange, TUNNEL_OFFLINE);
      // `/register` is a name as well as a path of OAuth.
      else if (byPath && isOAuthPath(exchange.request.target)) refuseDiscovery(exchange);
      else refuse(exchange, UNKNOWN_TUNNEL);
    };
    const stop = names.wait(route.name, (holder) => {
      exchange.onClose = undefined;
      if (holder === undefined) refuseMissing();
      else this.#admit(exchange, holder, route);
    });
    if (stop === undefined) refuseMissing();
    else exchange.onClose = stop;
  }
}

const TOO_MANY_OF_ADDRESS = {
  status: 429,
  reason: 'too-many-requests',
  message: 'Too many requests from this address.',
};
const TOO_MANY_OF_TUNNEL = {
  status: 429,
  reason: 'too-many-requests',
  message: 'Too many requests for this tunnel.',
};
const UNKNOWN_TUNNEL = {
  status: 404,
  reason: 'unknown-tunnel',
  message: 'No tunnel has this name.',
};
const TUNNEL_OFFLINE = {
  status: 503,
  reason: 'tunnel-offline',
  message: 'The tunnel lost its connection to the relay and has not come back yet.',
  retryAfterSeconds: 2,
};
const LINK_NEEDS_UPGRADE = {
  status: 426,
  reason: 'upgrade-required',
  message: 'Agents connect here with a WebSocket handshake.',
};

function greet(exchange: Exchange): void {
  const text = 'This is a tunneld relay. Tunnels have addresses of their own.\n';
  answer(exchange, 200, TEXT_TYPE, text, [RELAY_HEADER, 'home']);
}

function isLinkPath(target: string): boolean {
  return target === LINK_PATH || target.startsWith(`${LINK_PATH}?`);
}

function baseUrl(host: string, port: number): URL {
  return new URL(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
}
