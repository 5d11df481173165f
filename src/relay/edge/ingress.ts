import { isOAuthPath } from '../../access/refusal-text.ts';
import type { TokenOwners } from '../../access/token-owners.ts';
import type { Clock } from '../../core/clock.ts';
import type { Exchange, RequestHead } from '../../core/exchange.ts';
import { RELAY_HEADER } from '../../core/markers.ts';
import { LINK_PATH } from '../link/websocket-handshake.ts';
import { addressKey } from './address-key.ts';
import { dialectOf, type EdgeDialect } from './dialect.ts';
import { type BodyLimits, declaredTooLarge, limitBodies } from './limited-exchange.ts';
import type { NameHolder, NameRegistry } from './name-registry.ts';
import { ObservedExchange, type Visit } from './observed-exchange.ts';
import type { Route } from './path-routing.ts';
import { RateLimiter } from './rate-limiter.ts';
import { answer, pageHeaders, refuse, refuseDiscovery, refuseStranger, TEXT_TYPE } from './relay-answer.ts';
import type { Routing } from './routing.ts';

export interface VisitLimits extends BodyLimits {
  /** Requests in a second, with a burst of twice that; 0 is no limit. */
  readonly requestsPerAddress: number;
  readonly requestsPerTunnel: number;
}

export interface IngressOptions {
  readonly routing: Routing;
  readonly names: NameRegistry;
  readonly owners: TokenOwners;
  readonly limits: VisitLimits;
  /** Turns callers without the tunnel's token away here. */
  readonly enforceAccess: boolean;
  /** The paths of those that are served are not a tunnel's. */
  readonly dialects: readonly EdgeDialect[];
  readonly onVisit?: ((visit: Visit) => void) | undefined;
  readonly clock: Clock;
}

/** Decides which tunnel a visitor's request is for, whether it may pass, and what the refusal says. */
export class Ingress {
  readonly #options: IngressOptions;
  #limits: VisitLimits;
  #perAddress: RateLimiter;
  #perTunnel: RateLimiter;

  constructor(options: IngressOptions) {
    const { limits, clock } = options;
    this.#options = options;
    this.#limits = limits;
    this.#perAddress = new RateLimiter(limits.requestsPerAddress, clock);
    this.#perTunnel = new RateLimiter(limits.requestsPerTunnel, clock);
  }

  /** Counts of a rate that stays as it was go on. */
  setLimits(limits: VisitLimits): void {
    const { clock } = this.#options;
    const before = this.#limits;
    this.#limits = limits;
    if (limits.requestsPerAddress !== before.requestsPerAddress) {
      this.#perAddress = new RateLimiter(limits.requestsPerAddress, clock);
    }
    if (limits.requestsPerTunnel !== before.requestsPerTunnel) {
      this.#perTunnel = new RateLimiter(limits.requestsPerTunnel, clock);
    }
  }

  handle(visitor: Exchange): void {
    const { target } = visitor.request;
    const { dialects, routing } = this.#options;
    const host = visitor.request.get('host') ?? '';
    const route = routing.route(host, target);
    const dialect = dialectOf(target, dialects);
    const exchange = this.#observed(visitor, route);
    const waitSeconds = this.#perAddress.take(addressKey(exchange.peer.address));
    if (waitSeconds > 0) refuse(exchange, { ...TOO_MANY_OF_ADDRESS, retryAfterSeconds: waitSeconds });
    else if (dialect?.accept !== undefined) dialect.refuse(exchange);
    else if (route !== undefined) this.#toTunnel(exchange, route);
    else this.#answerItself(exchange, dialect);
  }

  #toTunnel(exchange: Exchange, route: Route): void {
    const holder = this.#options.names.find(route.name);
    if (holder !== undefined) this.#admit(exchange, holder, route);
    else this.#awaitTunnel(exchange, route);
  }

  #answerItself(exchange: Exchange, dialect: EdgeDialect | undefined): void {
    const { target, method } = exchange.request;
    if (isOAuthPath(target)) refuseDiscovery(exchange);
    else if (dialect !== undefined) dialect.refuse(exchange);
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
    if (this.#isForeign(exchange.request, holder, route.target)) {
      refuse(exchange, { ...FOREIGN_TOKEN, headers: forPages });
      return;
    }
    const waitSeconds = this.#perTunnel.take(route.name);
    const tooLarge = declaredTooLarge(exchange.request, this.#limits);
    if (waitSeconds > 0) {
      refuse(exchange, { ...TOO_MANY_OF_TUNNEL, retryAfterSeconds: waitSeconds, headers: forPages });
    } else if (tooLarge !== undefined) refuse(exchange, { ...tooLarge, headers: forPages });
    else holder.link.forward(limitBodies(exchange, this.#limits), route.target);
  }

  /** Where the relay checks no token, it may not hand on one that is another owner's either. */
  #isForeign(request: RequestHead, { guard, identity }: NameHolder, target: string): boolean {
    if (!guard.open && request.method !== 'OPTIONS') return false;
    return this.#options.owners.isForeign(request, target, identity);
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

  /** The name has no link now. One that was live a moment ago gets time to reconnect. */
  #awaitTunnel(exchange: Exchange, route: Route): void {
    const { names, routing } = this.#options;
    const refuseMissing = () => {
      const returns = names.returns(route.name);
      if (returns === 'soon') refuse(exchange, TUNNEL_OFFLINE);
      else if (returns === 'later') refuse(exchange, TUNNEL_GONE);
      // `/register` is a name as well as a path of OAuth.
      else if (routing.kind === 'path' && isOAuthPath(exchange.request.target)) refuseDiscovery(exchange);
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
/** A 404 would end a client's session for good: it is not for the relay to say that nothing comes back. */
const TUNNEL_GONE = {
  status: 503,
  reason: 'tunnel-offline',
  message: 'The tunnel is not connected to the relay now.',
  retryAfterSeconds: 30,
};
const FOREIGN_TOKEN = {
  status: 403,
  reason: 'foreign-token',
  message: 'The access token in this request is for another tunnel, and was not passed on.',
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

export function isLinkPath(target: string): boolean {
  return target === LINK_PATH || target.startsWith(`${LINK_PATH}?`);
}
