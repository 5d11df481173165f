import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Timer } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import { ServerConnection } from './server-connection.ts';
import { DEFAULT_SERVER_LIMITS, type Http1ServerOptions, type ServerLimits } from './server-options.ts';

/**
 * A strict HTTP/1.1 server over `net` (or TLS): keep-alive, pipelining with one request in flight,
 * interim and early answers, upgrades, and deadlines for everything but the total time.
 */
export class Http1Server {
  readonly #options: Http1ServerOptions;
  readonly #limits: ServerLimits;
  readonly #server: Server;
  readonly #connections = new Set<ServerConnection>();
  #sweeper: Timer | undefined;
  #draining = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: Http1ServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    const accept = (socket: Socket) => this.#accept(socket);
    // Half-open, because closing is ours to time: an answer must not be cut by the caller's FIN.
    const tcp = { allowHalfOpen: true, noDelay: true };
    this.#server = options.tls
      ? createTlsServer({ ...options.tls, ...tcp }, accept)
      : createServer(tcp, accept);
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * @param address port 0 asks the system for a free one
   * @throws {TunneldError} `PORT_IN_USE`
   */
  async listen(address: { host: string; port: number }): Promise<{ port: number }> {
    await new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) => {
        const { host, port } = address;
        const taken = error.code === 'EADDRINUSE' || error.code === 'EACCES';
        reject(
          taken
            ? new TunneldError('PORT_IN_USE', `Cannot listen on ${host}:${port} (${error.code})`, {
                cause: error,
              })
            : error,
        );
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
    for (const connection of this.#connections) connection.destroy('server-closed');
  }

  #stopListening(): void {
    if (this.#server.listening) this.#server.close();
  }

  #accept(socket: Socket): void {
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
    else if (this.#connections.size > this.#limits.connections)
      connection.refuse(503, 'too-many-connections');
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
