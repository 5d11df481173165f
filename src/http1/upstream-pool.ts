import { connect, type IpcNetConnectOpts, type Socket, type TcpNetConnectOpts } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Clock, Timer } from '../core/clock.ts';
import type { RequestHead } from '../core/exchange.ts';
import { eitherOf, isLoopbackHost } from '../core/loopback.ts';
import { UpstreamConnection } from './upstream-connection.ts';
import { UpstreamExchange, type UpstreamReceiver } from './upstream-exchange.ts';

export interface UpstreamPoolOptions {
  readonly protocol: 'http:' | 'https:';
  readonly host: string;
  /** To connect to where nobody listens at `host`. */
  readonly otherHost?: string;
  readonly port: number;
  /** A Unix socket, dialled in place of host and port. */
  readonly socketPath?: string;
  /** Largest response head, its final CRLFCRLF included (bytes). */
  readonly headBytes?: number;
  readonly clock: Clock;
}

/**
 * A keep-alive HTTP/1.1 client for one server, without a limit on connections: a cap below the
 * number of open streams would let idle SSE streams starve everything else.
 *
 * A request is written to one connection, once. When that connection breaks before an answer came,
 * nobody can tell whether the server acted on the request, so it fails and is never repeated. What
 * makes that rare: the most recently used connection is taken, and none that idled for long.
 */
export class UpstreamPool {
  readonly #options: UpstreamPoolOptions;
  /** Oldest first. */
  readonly #idle: UpstreamConnection[] = [];
  readonly #all = new Set<UpstreamConnection>();
  #cleaner: Timer | undefined;
  #closed = false;

  constructor(options: UpstreamPoolOptions) {
    this.#options = options;
  }

  /** Open connections, idle ones included. */
  get connections(): number {
    return this.#all.size;
  }

  /**
   * Starts a request. Nothing is written before the first of `write`, `end` and `flush`.
   *
   * @param headText from `serializeRequestHead`
   * @param receiver is told everything, at the earliest after this returned
   */
  request(request: RequestHead, headText: string, receiver: UpstreamReceiver): UpstreamExchange {
    const exchange = new UpstreamExchange(request, headText, receiver);
    if (this.#mayBeStale()) {
      // The server's FIN may be among the events of this very turn; afterwards it has been seen.
      setImmediate(() => exchange.over || exchange.bind(this.#take() ?? this.#open()));
    } else {
      exchange.bind(this.#take() ?? this.#open());
    }
    return exchange;
  }

  /** Ends every connection at once. */
  close(): void {
    this.#closed = true;
    this.#cleaner?.cancel();
    for (const connection of this.#all) connection.destroy('pool-closed');
  }

  /** Has the connection to be taken been idle for a while, unobserved? */
  #mayBeStale(): boolean {
    const next = this.#idle.at(-1);
    return next !== undefined && this.#options.clock.monotonic() - next.idleSince > SURELY_ALIVE_MS;
  }

  #take(): UpstreamConnection | undefined {
    const connection = this.#idle.pop();
    if (connection === undefined) return undefined;
    if (connection.idleUntil > this.#options.clock.monotonic()) return connection;
    // The others are older still.
    connection.destroy('idle');
    for (const older of this.#idle.splice(0)) older.destroy('idle');
    return undefined;
  }

  #open(): UpstreamConnection {
    const connection = new UpstreamConnection((onread) => this.#connect(onread), {
      headBytes: this.#options.headBytes ?? 65_536,
      release: (idleMs) => this.#release(connection, idleMs),
      closed: () => this.#forget(connection),
    });
    this.#all.add(connection);
    return connection;
  }

  #connect(onread: NonNullable<TcpNetConnectOpts['onread']>): Socket {
    const { protocol, host, otherHost, port, socketPath } = this.#options;
    if (socketPath !== undefined)
      return connect({ path: socketPath, onread, allowHalfOpen: true } as IpcNetConnectOpts);
    // `localhost` may be ::1 only; trying both addresses is what the family selection is for.
    const place = otherHost === undefined ? { host, autoSelectFamily: true } : eitherOf(host, otherHost);
    const tcp = { ...place, port, onread, noDelay: true, allowHalfOpen: true };
    if (protocol === 'http:') return connect(tcp);
    // A local server has a self-signed certificate or none anybody could verify.
    const tls: ConnectionOptions = { ...tcp, rejectUnauthorized: !isLoopbackHost(host) };
    return connectTls(/^[\d.:[\]]+$/.test(host) ? tls : { ...tls, servername: host });
  }

  #release(connection: UpstreamConnection, idleMs: number): void {
    if (this.#closed || idleMs <= 0) {
      connection.destroy('closed');
      return;
    }
    connection.idleSince = this.#options.clock.monotonic();
    connection.idleUntil = connection.idleSince + idleMs;
    this.#idle.push(connection);
    this.#cleaner ??= this.#options.clock.setTimer(this.#clean, CLEAN_EVERY_MS);
  }

  readonly #clean = (): void => {
    this.#cleaner = undefined;
    const now = this.#options.clock.monotonic();
    while (this.#idle[0] !== undefined && this.#idle[0].idleUntil <= now) this.#idle.shift()?.destroy('idle');
    if (this.#idle.length > 0) this.#cleaner = this.#options.clock.setTimer(this.#clean, CLEAN_EVERY_MS);
  };

  #forget(connection: UpstreamConnection): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}

const CLEAN_EVERY_MS = 1_000;

/** Under load connections are used again sooner than this, and no request waits for a turn. */
const SURELY_ALIVE_MS = 5;
