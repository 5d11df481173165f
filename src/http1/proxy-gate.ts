import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { readProxyHeader } from './proxy-header.ts';
import { setOrigin, wireAddressOf } from './socket-origin.ts';

/** A load balancer that is set up wrong opens connection after connection (milliseconds). */
const COMPLAIN_EVERY_MS = 10_000;

export interface ProxyGateOptions {
  /** Connections of these addresses begin with a PROXY header; no other may. */
  trusts(address: string): boolean;
  /** From the connection to the header's last byte (milliseconds). */
  readonly timeoutMs: number;
  /** Connections that wait for their header at once. */
  readonly most: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** The header was read: what the socket gives from now on is the caller's. */
  pass(socket: Socket): void;
}

/**
 * Reads the PROXY header in front of a connection. Whether there is one is known from who connects,
 * never guessed from the bytes: a caller could write one as well as a proxy can.
 */
export class ProxyGate {
  readonly #options: ProxyGateOptions;
  readonly #waiting = new Set<Socket>();
  #complainedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ProxyGateOptions) {
    this.#options = options;
  }

  enter(socket: Socket): void {
    const address = wireAddressOf(socket);
    if (!this.#options.trusts(address)) this.#options.pass(socket);
    else if (this.#waiting.size >= this.#options.most) socket.destroy();
    else this.#await(socket, address);
  }

  close(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  #await(socket: Socket, address: string): void {
    let seen: Buffer = Buffer.alloc(0);
    const { clock, pass, timeoutMs } = this.#options;
    const drop = () => socket.destroy();
    const timer: Timer = clock.setTimer(() => {
      if (seen.length > 0) this.#complain(address, 'the PROXY header did not end in time');
      drop();
    }, timeoutMs);
    const leave = () => {
      timer.cancel();
      this.#waiting.delete(socket);
      socket.off('data', read).off('end', drop).off('error', drop).off('close', leave);
    };
    const read = (bytes: Buffer) => {
      seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes]);
      let header: ReturnType<typeof readProxyHeader>;
      try {
        header = readProxyHeader(seen);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        this.#complain(address, error.message);
        drop();
        return;
      }
      if (!header.complete) return;
      leave();
      socket.pause();
      const rest = seen.subarray(header.length);
      if (rest.length > 0) socket.unshift(rest);
      setOrigin(socket, { address: header.address ?? address, named: header.address !== undefined });
      pass(socket);
    };
    this.#waiting.add(socket);
    socket.on('data', read).on('end', drop).on('error', drop).on('close', leave);
  }

  #complain(address: string, reason: string): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#complainedAt < COMPLAIN_EVERY_MS) return;
    this.#complainedAt = now;
    this.#options.log.warn({ proxy: address, reason }, 'connection of a trusted proxy refused');
  }
}
