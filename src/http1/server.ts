import { createServer, type Server, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Timer } from '../core/clock.ts';
import { type DescriptorBudget, processDescriptors } from '../core/descriptors.ts';
import { TunneldError } from '../core/errors.ts';
import { ProxyGate } from './proxy-gate.ts';
import { ServerConnection } from './server-connection.ts';
import { DEFAULT_SERVER_LIMITS, type Http1ServerOptions, type ServerLimits } from './server-options.ts';
import { TlsFront } from './tls-front.ts';

/**
 * A strict HTTP/1.1 server over `net` (or TLS): keep-alive, pipelining with one request in flight,
 * interim and early answers, upgrades, and deadlines for everything but the total time.
 */
export class Http1Server {
  readonly #options: Http1ServerOptions;
  #limits: ServerLimits;
  readonly #server: Server;
  readonly #tls: TlsFront | undefined;
  readonly #gate: ProxyGate | undefined;
  readonly #connections = new Set<ServerConnection>();
  /** How many of them each address has, where that is limited. */
  readonly #perAddress = new Map<string, number>();
  readonly #descriptors: DescriptorBudget;
  #sweeper: Timer | undefined;
  #draining = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: Http1ServerOptions) {
    this.#options = options;
    this.#descriptors = options.descriptors ?? processDescriptors();
    this.#limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    const { tls, tlsChallenges: challenges, proxyHeaders, clock, log } = options;
    const { connections: most, headTimeoutMs: timeoutMs } = this.#limits;
    const accept = (socket: Socket) => this.#accept(socket);
    this.#tls = tls && new TlsFront({ tls, challenges, most, timeoutMs, clock, pass: accept });
    const pass = (socket: Socket) => this.#enter(socket);
    this.#gate = proxyHeaders && new ProxyGate({ ...proxyHeaders, most, timeoutMs, clock, log, pass });
    // Half-open, because closing is ours to time: an answer must not be cut by the caller's FIN.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      if (this.#gate === undefined) this.#enter(socket);
      else this.#gate.enter(socket);
    });
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * @param address port 0 asks the system for a free one
   * @throws {TunneldError} `PORT_IN_USE`; `USAGE` for an address that is not this machine's
   */
  async listen(address: { host: string; port: number }): Promise<{ port: number }> {
    await new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) => {
        reject(listenError(error, address));
      };
      this.#server.once('error', onError);
      this.#server.listen(address.port, address.host, () => {
        this.#server.off('error', onError);
        this.#server.on('error', (err) => this.#options.log.error({ err }, 'listener failed'));
        resolve();
      });
    });
    this.#scheduleSweep();
    const bound = this.#server.address();
    return { port: typeof bound === 'object' && bound !== null ? bound.port : address.port };
  }

  /** For connections from now on. */
  setLimits(limits: Partial<ServerLimits>): void {
    this.#limits = { ...this.#limits, ...limits };
  }

  /** Certificate and key for connections from now on; of no effect on a listener without TLS. */
  setTls(tls: TlsOptions): void {
    this.#tls?.setTls(tls);
  }

  /**
   * Stops listening, lets exchanges in flight finish, and closes what is left after `timeoutMs`
   * (milliseconds).
   */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.#stopListening();
    for (const connection of this.#connections) connection.drain();
    if (this.#connections.size > 0 && timeoutMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#options.clock.setTimer(resolve, timeoutMs);
        this.#onEmpty = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    await this.close();
  }

  /** Ends everything at once. Idempotent. */
  async close(): Promise<void> {
    this.#sweeper?.cancel();
    this.#stopListening();
    this.#gate?.close();
    this.#tls?.close();
    for (const connection of this.#connections) connection.destroy('server-closed');
  }

  #stopListening(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** A connection begins, and its origin is known. */
  #enter(socket: Socket): void {
    this.#descriptors.hold(socket, this.#options.descriptorsEach ?? 1);
    if (this.#descriptors.exhausted) {
      refuseSocket(socket);
      return;
    }
    const address = this.#options.limitedAddressOf?.(socket);
    // Upgraded sockets leave the connections; for their address they go on counting.
    if (address !== undefined) {
      const held = (this.#perAddress.get(address) ?? 0) + 1;
      this.#perAddress.set(address, held);
      socket.once('close', () => this.#release(address));
      if (isFlood(held, this.#limits.connectionsPerAddress)) {
        refuseSocket(socket);
        return;
      }
    }
    if (isFlood(this.#connections.size + 1, this.#limits.connections)) {
      refuseSocket(socket);
      return;
    }
    if (this.#tls === undefined) this.#accept(socket);
    else this.#tls.enter(socket);
  }

  #accept(socket: Socket): void {
    const address = this.#options.limitedAddressOf?.(socket);
    const held = address === undefined ? 0 : (this.#perAddress.get(address) ?? 0);
    const connection = new ServerConnection(socket, {
      options: this.#options,
      limits: this.#limits,
      draining: () => this.#draining,
      closed: () => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#onEmpty?.();
      },
    });
    this.#connections.add(connection);
    if (this.#draining) connection.destroy('server-closed');
    else if (this.#connections.size > this.#limits.connections || this.#descriptors.scarce)
      connection.refuse(503, 'too-many-connections');
    else if (held > this.#limits.connectionsPerAddress) connection.refuse(429, 'too-many-connections');
    // Where bytes were read before, reading stopped.
    if (this.#gate !== undefined && !socket.destroyed) socket.resume();
  }

  #release(address: string): void {
    const held = this.#perAddress.get(address) ?? 0;
    if (held > 1) this.#perAddress.set(address, held - 1);
    else this.#perAddress.delete(address);
  }

  /**
   * One timer for all deadlines of all connections: a timer per request costs more than a request's
   * parsing. A deadline may be late by one sweep.
   */
  #scheduleSweep(): void {
    const { headTimeoutMs, bodyStallMs, writeStallMs, keepAliveMs, lingerMs } = this.#limits;
    const shortest = Math.min(headTimeoutMs, bodyStallMs, writeStallMs, keepAliveMs, lingerMs);
    const everyMs = Math.max(5, Math.min(1_000, shortest / 4));
    const sweep = () => {
      const now = this.#options.clock.monotonic();
      for (const connection of this.#connections) connection.checkDeadlines(now);
      this.#sweeper = this.#options.clock.setTimer(sweep, everyMs);
    };
    this.#sweeper = this.#options.clock.setTimer(sweep, everyMs);
  }
}

function listenError(cause: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): Error {
  const what = `Cannot listen on ${host}:${port} (${cause.code})`;
  switch (cause.code) {
    case 'EADDRINUSE':
    case 'EACCES':
      return new TunneldError('PORT_IN_USE', what, { cause });
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'ENOTFOUND':
      return new TunneldError('USAGE', what, {
        cause,
        remedy: 'Listen on an address that this machine has.',
      });
    default:
      return cause;
  }
}

/** One too many is told so, which takes a moment, and over TLS a handshake. A flood is not worth that. */
function isFlood(held: number, limit: number): boolean {
  return held > 2 * Math.max(1, limit);
}

function refuseSocket(socket: Socket): void {
  socket.on('error', () => {}).destroy();
}
