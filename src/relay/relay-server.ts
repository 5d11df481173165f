import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { Exchange, Peer, RequestHead } from '../core/exchange.ts';
import type { Logger } from '../core/log.ts';
import { RELAY_HEADER } from '../core/markers.ts';
import { Http1Server } from '../http1/server.ts';
import type { ServerLimits } from '../http1/server-options.ts';
import type { Authorize } from './authorization.ts';
import { Forwarding, TUNNEL_BUSY } from './forwarding.ts';
import { LinkHub } from './link-hub.ts';
import { MAX_HEAD_BYTES } from './mux-stream.ts';
import type { NameHolder } from './name-registry.ts';
import { isOAuthPath, type PathRoute, routePath } from './path-routing.ts';
import { answer, refuse, refuseDiscovery, TEXT_TYPE } from './relay-answer.ts';
import { LINK_PATH } from './websocket-handshake.ts';

export interface RelayLimits extends Partial<ServerLimits> {
  readonly links: number;
  /** Agents' sockets that have not registered yet. */
  readonly pendingLinks: number;
  /** Requests in flight in one tunnel. */
  readonly streamsPerLink: number;
}

/** What may grow when a head is passed on (the visitor's line, our framing) must still fit the link. */
const MAX_PUBLIC_HEAD_BYTES = MAX_HEAD_BYTES - 1_024;

const DEFAULT_RELAY_LIMITS = {
  headBytes: 16_384,
  connections: 4_096,
  links: 1_024,
  pendingLinks: 64,
  streamsPerLink: 1_024,
} as const satisfies RelayLimits;

export interface RelayServerOptions {
  readonly host: string;
  /** 0 asks the system for a free one. */
  readonly port: number;
  /** By path: `/<name>/…`. */
  readonly routing: { readonly kind: 'path' };
  /** What visitors see in front of `/<name>`; the listening address when absent. */
  readonly publicUrl?: URL;
  readonly authorize: Authorize;
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

/** Gives public URLs to agents that dial in, and carries visitors' requests to them. */
export class RelayServer {
  readonly #options: RelayServerOptions;
  readonly #http: Http1Server;
  readonly #hub: LinkHub;
  #base: URL;

  constructor(options: RelayServerOptions) {
    this.#options = options;
    const limits = { ...DEFAULT_RELAY_LIMITS, ...options.limits };
    if (limits.headBytes > MAX_PUBLIC_HEAD_BYTES) throw new RangeError('headBytes does not fit the link');
    const { clock, log, authorize } = options;
    this.#base = options.publicUrl ?? baseUrl(options.host, options.port);
    const publicUrl = (name: string) => new URL(`${this.#base.href.replace(/\/+$/, '')}/${name}`);
    this.#hub = new LinkHub({ ...limits, authorize, clock, log, publicUrl });
    this.#http = new Http1Server({
      handler: (exchange) => this.#handle(exchange),
      peerOf,
      limits,
      clock,
      log,
      onUpgrade: (request, socket, buffered) => {
        if (!isLinkPath(request.target)) return false;
        this.#hub.accept(request, socket, buffered);
        return true;
      },
    });
  }

  get stats(): RelayStats {
    const { links, pending, streams } = this.#hub;
    return { links, pendingLinks: pending, streams, connections: this.#http.connections };
  }

  /** @throws {TunneldError} `PORT_IN_USE` */
  async listen(): Promise<{ port: number }> {
    const { host, port } = this.#options;
    const bound = await this.#http.listen({ host, port });
    this.#base = this.#options.publicUrl ?? baseUrl(host, bound.port);
    return bound;
  }

  /** Tells the agents to go, lets what is in flight finish for `timeoutMs` (milliseconds), then closes. */
  async drain(timeoutMs: number): Promise<void> {
    this.#hub.drain();
    await this.#http.drain(timeoutMs);
    this.#hub.close();
  }

  /** Ends everything at once. Idempotent. */
  async close(): Promise<void> {
    this.#hub.close();
    await this.#http.close();
  }

  #handle(exchange: Exchange): void {
    const { target, method } = exchange.request;
    const route = routePath(target);
    const holder = route && this.#hub.names.find(route.name);
    if (route !== undefined && holder !== undefined) forward(exchange, holder, route);
    else if (isOAuthPath(target)) refuseDiscovery(exchange);
    else if (route !== undefined) this.#awaitTunnel(exchange, route);
    else if (isLinkPath(target)) refuse(exchange, LINK_NEEDS_UPGRADE);
    else if (/^\/(?:\?|$)/.test(target) && (method === 'GET' || method === 'HEAD')) greet(exchange);
    else refuse(exchange, UNKNOWN_TUNNEL);
  }

  /** Nobody serves the name now. One that was live a moment ago gets time to reconnect. */
  #awaitTunnel(exchange: Exchange, route: PathRoute): void {
    const { names } = this.#hub;
    if (!names.remembers(route.name)) {
      refuse(exchange, UNKNOWN_TUNNEL);
      return;
    }
    const stop = names.wait(route.name, (holder) => {
      exchange.onClose = undefined;
      if (holder === undefined) refuse(exchange, TUNNEL_OFFLINE);
      else forward(exchange, holder, route);
    });
    if (stop === undefined) refuse(exchange, TUNNEL_OFFLINE);
    else exchange.onClose = stop;
  }
}

const UNKNOWN_TUNNEL = {
  status: 404,
  reason: 'unknown-tunnel',
  message: 'No tunnel has this name. The path of a tunnel starts with its name.',
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

function forward(exchange: Exchange, { mux }: NameHolder, { target }: PathRoute): void {
  const stream = mux.open();
  if (stream === undefined) {
    // After some four thousand million requests: the agent dials again and starts from 1.
    if (mux.exhausted) mux.close('draining', 'the stream ids of this link are used up');
    refuse(exchange, TUNNEL_BUSY);
  } else new Forwarding(exchange, stream, target).start();
}

function greet(exchange: Exchange): void {
  const text = 'This is a tunneld relay: each tunnel is at /<name>/ with a path of its own.\n';
  answer(exchange, 200, TEXT_TYPE, text, [RELAY_HEADER, 'home']);
}

function isLinkPath(target: string): boolean {
  return target === LINK_PATH || target.startsWith(`${LINK_PATH}?`);
}

function peerOf(socket: Socket, request: RequestHead): Peer {
  // An IPv4 caller of a dual-stack listener.
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return { address, scheme: 'http', host: request.get('host') ?? '', via: 'provider' };
}

function baseUrl(host: string, port: number): URL {
  return new URL(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
}
