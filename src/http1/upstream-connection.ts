import type { Socket, TcpNetConnectOpts } from 'node:net';
import { readOnAfterFailedWrite } from './failed-write.ts';
import type { UpstreamExchange } from './upstream-exchange.ts';

type OnRead = NonNullable<TcpNetConnectOpts['onread']>;

export interface UpstreamConnectionContext {
  readonly headBytes: number;
  /** The connection is fit for another request, for `idleMs` (milliseconds). */
  release(idleMs: number): void;
  closed(): void;
}

/** Small until a server sends much at once: most connections carry one idle event stream. */
const SMALL_READ_BYTES = 8_192;
const LARGE_READ_BYTES = 65_536;

/** One connection to the server. Reads into a buffer that is used again unless a receiver kept it. */
export class UpstreamConnection {
  readonly socket: Socket;
  readonly context: UpstreamConnectionContext;
  /** While idle: since when (monotonic milliseconds). */
  idleSince = 0;
  /** While idle: when it is too old to be used (monotonic milliseconds). */
  idleUntil = 0;
  /** The TCP (and TLS) connection stands. */
  connected = false;
  /** The server takes nothing more; what it sent before is still read. */
  deaf = false;
  #exchange: UpstreamExchange | undefined;
  #readBytes = SMALL_READ_BYTES;
  #bufferKept = true;
  /** Nothing is read, because the exchange asked to wait. */
  #stopped = false;
  #error: Error | undefined;

  constructor(connect: (onread: OnRead) => Socket, context: UpstreamConnectionContext) {
    this.context = context;
    const socket = connect({
      buffer: () => this.#nextBuffer(),
      callback: (bytes, buffer) => this.#onRead(bytes, buffer as Buffer),
    });
    this.socket = socket;
    const established = 'encrypted' in socket ? 'secureConnect' : 'connect';
    socket.once(established, () => {
      this.connected = true;
    });
    socket.on('end', () => this.ended());
    socket.on('drain', () => this.#exchange?.drained());
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('close', () => this.#onClose());
    readOnAfterFailedWrite(socket, (error) => {
      this.deaf = true;
      this.#error ??= error;
    });
  }

  attach(exchange: UpstreamExchange): void {
    this.#exchange = exchange;
  }

  /** The server sent FIN, and everything before it was read. */
  ended(): void {
    const exchange = this.#exchange;
    if (exchange?.serverFinished() === true && (exchange.paused || !this.deaf)) return;
    this.#error ??= new Error('the server closed the connection');
    this.socket.destroy();
  }

  /** Goes on reading after the exchange asked to wait. */
  readOn(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.socket.resume();
  }

  /**
   * The exchange is over; the connection goes back to the pool. It always reads there: whoever takes
   * it next would wait for ever, and the end of the connection would not be seen.
   */
  release(idleMs: number): void {
    this.#exchange = undefined;
    if (this.deaf) {
      this.socket.destroy();
      return;
    }
    this.readOn();
    this.context.release(idleMs);
  }

  /** The exchange is over and so is the connection. */
  discard(): void {
    this.#exchange = undefined;
    this.socket.destroy();
  }

  destroy(reason: string): void {
    this.#error ??= new Error(reason);
    this.socket.destroy();
  }

  // Node asks when it makes a handle (one for each address it tries), and after each read.
  #nextBuffer(): Uint8Array {
    return this.#bufferKept ? Buffer.allocUnsafeSlow(this.#readBytes) : KEEP_BUFFER;
  }

  #onRead(bytes: number, buffer: Buffer): boolean {
    const exchange = this.#exchange;
    this.#bufferKept = false;
    if (exchange === undefined) {
      // Bytes without a request: whatever they are, they must not become the next request's answer.
      this.destroy('unexpected-bytes');
      return false;
    }
    if (bytes === buffer.length && this.#readBytes < LARGE_READ_BYTES) {
      this.#readBytes = LARGE_READ_BYTES;
      this.#bufferKept = true;
    }
    const chunk = bytes === buffer.length ? buffer : buffer.subarray(0, bytes);
    if (exchange.received(chunk)) this.#bufferKept = true;
    this.#stopped = exchange.paused;
    return !this.#stopped;
  }

  #onClose(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.context.closed();
    exchange?.connectionLost(this.connected, this.#error);
  }
}

/** Anything but a Uint8Array makes Node keep the buffer it has; the type asks for one all the same. */
const KEEP_BUFFER = undefined as unknown as Uint8Array;
