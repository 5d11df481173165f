import type { Socket } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { ChallengeFront, type TlsChallenges } from './challenge-front.ts';
import { originOf, setOrigin } from './socket-origin.ts';

export interface TlsFrontOptions {
  readonly tls: TlsOptions;
  readonly challenges: TlsChallenges | undefined;
  readonly clock: Clock;
  /** Handshakes at once. */
  readonly most: number;
  /** From the connection to the end of the handshake (milliseconds). */
  readonly timeoutMs: number;
  /** The handshake succeeded; `socket` gives and takes plain text. */
  pass(socket: TLSSocket): void;
}

/** Puts TLS over connections that were accepted elsewhere, and bounds how many are on their way. */
export class TlsFront {
  readonly #options: TlsFrontOptions;
  readonly #server: TlsServer;
  readonly #challenges: ChallengeFront | undefined;
  /** By the other end: what Node gives back after the handshake is another object. */
  readonly #handshakes = new Map<string, Socket>();

  constructor(options: TlsFrontOptions) {
    this.#options = options;
    const { tls, timeoutMs, challenges, clock } = options;
    this.#challenges = challenges && new ChallengeFront(challenges, timeoutMs, clock);
    this.#server = createServer(
      { ...tls, handshakeTimeout: timeoutMs, allowHalfOpen: true, noDelay: true },
      (socket) => this.#pass(socket),
    );
  }

  setTls(tls: TlsOptions): void {
    this.#server.setSecureContext(tls);
  }

  enter(socket: Socket): void {
    const key = endOf(socket);
    if (key === undefined || this.#handshakes.size >= this.#options.most) {
      socket.destroy();
      return;
    }
    this.#handshakes.set(key, socket);
    socket.once('close', () => this.#forget(key, socket));
    if (this.#challenges === undefined) this.#shakeHands(socket);
    else this.#challenges.enter(socket, (visitor) => this.#shakeHands(visitor));
  }

  close(): void {
    for (const socket of this.#handshakes.values()) socket.destroy();
  }

  #shakeHands(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  #pass(socket: TLSSocket): void {
    const key = endOf(socket);
    const under = key === undefined ? undefined : this.#handshakes.get(key);
    // Its other end went away in the meantime.
    if (key === undefined || under === undefined) {
      socket.destroy();
      return;
    }
    this.#handshakes.delete(key);
    const origin = originOf(under);
    if (origin !== undefined) setOrigin(socket, origin);
    this.#options.pass(socket);
  }

  #forget(key: string, socket: Socket): void {
    if (this.#handshakes.get(key) === socket) this.#handshakes.delete(key);
  }
}

function endOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
