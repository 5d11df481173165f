import type { BlockList } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Logger } from '../core/log.ts';
import { Http1Server } from '../http1/server.ts';
import { addressOf } from '../http1/socket-origin.ts';
import { addressKey } from '../relay/edge/address-key.ts';
import { routeHost } from '../relay/edge/host-routing.ts';
import { RateLimiter } from '../relay/edge/rate-limiter.ts';
import { answer, refuse, TEXT_TYPE } from '../relay/edge/relay-answer.ts';
import { isTrusted, visitorOf } from '../relay/edge/visitor.ts';

export interface RedirectOptions {
  /** Where visitors are sent; `https:`. */
  readonly publicUrl: URL;
  readonly routing: 'host' | 'path';
  readonly trustedProxies: BlockList;
  readonly proxyProtocol: boolean;
  readonly limits: { readonly requestsPerAddress: number; readonly connectionsPerAddress: number };
  /** The answer to `GET /.well-known/acme-challenge/<token>`, if that was asked for on our behalf. */
  challengeAnswer(host: string, token: string): string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A listener without TLS that redirects visitors to the public URL, and nowhere else. */
export class RedirectServer {
  readonly #options: RedirectOptions;
  readonly #http: Http1Server;
  #perAddress: RateLimiter;
  #trusted: BlockList;

  constructor(options: RedirectOptions) {
    const { proxyProtocol, limits, clock, log } = options;
    this.#options = options;
    this.#trusted = options.trustedProxies;
    this.#perAddress = new RateLimiter(limits.requestsPerAddress, clock);
    const trusts = (address: string) => isTrusted(address, this.#trusted);
    this.#http = new Http1Server({
      handler: (exchange) => this.#handle(exchange),
      peerOf: (socket, request) => visitorOf(socket, request, this.#trusted, 'http'),
      limitedAddressOf: (socket) => {
        const address = addressOf(socket);
        return trusts(address) ? undefined : addressKey(address);
      },
      ...(proxyProtocol ? { proxyHeaders: { trusts } } : {}),
      limits: { connectionsPerAddress: limits.connectionsPerAddress },
      clock,
      log,
    });
  }

  /** @throws {TunneldError} `PORT_IN_USE` */
  listen(address: { host: string; port: number }): Promise<{ port: number }> {
    return this.#http.listen(address);
  }

  /** For connections and requests from now on. */
  reconfigure(limits: RedirectOptions['limits'], trustedProxies: BlockList): void {
    this.#trusted = trustedProxies;
    this.#perAddress = new RateLimiter(limits.requestsPerAddress, this.#options.clock);
    this.#http.setLimits({ connectionsPerAddress: limits.connectionsPerAddress });
  }

  /** Ends everything at once. Idempotent. */
  close(): Promise<void> {
    return this.#http.close();
  }

  #handle(exchange: Exchange): void {
    const waitSeconds = this.#perAddress.take(addressKey(exchange.peer.address));
    if (waitSeconds > 0) refuse(exchange, { ...TOO_MANY, retryAfterSeconds: waitSeconds });
    else redirect(exchange, this.#options);
  }
}

const CHALLENGE_PATH = '/.well-known/acme-challenge/';
const TOO_MANY = {
  status: 429,
  reason: 'too-many-requests',
  message: 'Too many requests from this address.',
};
const UNKNOWN_HOST = { status: 404, reason: 'unknown-host', message: 'This relay has no such name.' };
const NO_CHALLENGE = {
  status: 404,
  reason: 'unknown-challenge',
  message: 'No challenge with this token is pending.',
};

function redirect(exchange: Exchange, options: RedirectOptions): void {
  const { target } = exchange.request;
  const host = (exchange.request.get('host') ?? '').replace(/:\d*$/, '').toLowerCase();
  // The target of the redirect must not depend on what the visitor sends.
  if (!isOurs(host, options) || !target.startsWith('/')) refuse(exchange, UNKNOWN_HOST);
  else if (target.startsWith(CHALLENGE_PATH)) {
    const text = options.challengeAnswer(host, target.slice(CHALLENGE_PATH.length));
    if (text === undefined) refuse(exchange, NO_CHALLENGE);
    else answer(exchange, 200, TEXT_TYPE, text, ['Cache-Control', 'no-store']);
  } else {
    const { port } = options.publicUrl;
    const location = `https://${host}${port === '' ? '' : `:${port}`}${target}`;
    answer(exchange, 308, TEXT_TYPE, 'Over HTTPS, please.\n', ['Location', location]);
  }
}

function isOurs(host: string, { publicUrl, routing }: RedirectOptions): boolean {
  const domain = publicUrl.hostname;
  return host === domain || (routing === 'host' && routeHost(host, '/', domain) !== undefined);
}
