import { createServer, type Server, Socket } from 'node:net';

/** What the network does to bytes from now on. Every lever can be moved while connections live. */
export interface Faults {
  /** Each way, added to every chunk (milliseconds). */
  delayMs: number;
  /** Each way, for each connection (bytes a second). `Infinity` is no limit. */
  bytesPerSecond: number;
  /** How much may wait in front of the bandwidth limit, each way (milliseconds); then nothing is read. */
  queueMs: number;
  /** Bytes are read and kept, never passed on: the peer looks alive and is not (half-open). */
  stalled: boolean;
  /** The largest piece written at once (bytes): splits heads and frames at odd places. */
  maxPiece: number;
  /** New connections are closed at once. */
  refusing: boolean;
}

/**
 * A TCP proxy on loopback with a network's faults as levers, for kernels without netem.
 *
 * Delay keeps order and is not throughput: chunks overlap in flight, as on a real path.
 */
export class FaultProxy {
  readonly faults: Faults = {
    delayMs: 0,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    queueMs: Number.POSITIVE_INFINITY,
    stalled: false,
    maxPiece: Number.POSITIVE_INFINITY,
    refusing: false,
  };
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #lanes = new Set<Lane>();

  private constructor(target: { readonly host: string; readonly port: number }) {
    // Half-open, so that an end-of-stream travels on its own and in order behind the bytes.
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      if (this.faults.refusing) {
        near.resetAndDestroy();
        return;
      }
      const far = new Socket({ allowHalfOpen: true });
      far.connect(target.port, target.host);
      this.#join(near, far);
    });
  }

  static async listen(target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, '127.0.0.1', () => resolve());
    });
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the fault proxy is closed');
    return address.port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** Ends every live connection: `rst` as a crashed peer does, `fin` as a polite one. */
  cut(how: 'rst' | 'fin' = 'rst'): void {
    for (const pair of this.#pairs) {
      for (const socket of pair) {
        if (how === 'rst') socket.resetAndDestroy();
        else socket.destroySoon();
      }
    }
  }

  /** Passes on what a stall kept back. */
  heal(): void {
    this.faults.stalled = false;
    this.faults.refusing = false;
    for (const lane of this.#lanes) lane.pump();
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.stop();
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(near: Socket, far: Socket): void {
    const pair = [near, far] as const;
    const lanes = [new Lane(near, far, this.faults), new Lane(far, near, this.faults)];
    this.#pairs.add(pair);
    for (const lane of lanes) this.#lanes.add(lane);
    const forget = () => {
      this.#pairs.delete(pair);
      for (const lane of lanes) {
        lane.stop();
        this.#lanes.delete(lane);
      }
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      // Faults are the point of this class: an error ends the pair, nothing more.
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
        forget();
      });
    }
  }
}

/** The reader pauses beyond this many bytes in flight, so that back-pressure reaches the sender. */
const MAX_IN_FLIGHT_BYTES = 4 * 1024 * 1024;

/** One direction of one connection: a queue of pieces, each with the time it is due. */
class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #faults: Faults;
  readonly #queue: { readonly bytes: Buffer; readonly dueAt: number }[] = [];
  #inFlightBytes = 0;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  #wake: NodeJS.Timeout | undefined;
  /** When the last byte let through would have left a link of the given bandwidth. */
  #lineFreeAt = 0;

  constructor(from: Socket, to: Socket, faults: Faults) {
    this.#from = from;
    this.#to = to;
    this.#faults = faults;
    from.on('data', (chunk) => this.#accept(chunk));
    from.on('end', () => {
      this.#ended = true;
      this.pump();
    });
    to.on('drain', () => this.pump());
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#wake);
    this.#queue.length = 0;
  }

  pump(): void {
    clearTimeout(this.#timer);
    if (this.#faults.stalled || this.#to.destroyed) return;
    let next = this.#queue[0];
    while (next !== undefined && next.dueAt <= performance.now() && !this.#to.writableNeedDrain) {
      this.#queue.shift();
      this.#inFlightBytes -= next.bytes.length;
      this.#to.write(next.bytes);
      next = this.#queue[0];
    }
    this.#readOn();
    if (next !== undefined) {
      if (this.#to.writableNeedDrain) return;
      this.#timer = setTimeout(() => this.pump(), Math.max(0, next.dueAt - performance.now()));
    } else if (this.#ended) {
      this.#to.end();
    }
  }

  #accept(chunk: Buffer): void {
    const now = performance.now();
    const pieceBytes = Math.min(this.#faults.maxPiece, chunk.length);
    for (let offset = 0; offset < chunk.length; offset += pieceBytes) {
      const bytes = chunk.subarray(offset, offset + pieceBytes);
      const sendMs = (bytes.length / this.#faults.bytesPerSecond) * 1_000;
      this.#lineFreeAt = Math.max(now, this.#lineFreeAt) + sendMs;
      this.#queue.push({ bytes, dueAt: this.#lineFreeAt + this.#faults.delayMs });
    }
    this.#inFlightBytes += chunk.length;
    const waitMs = this.#lineFreeAt - now;
    const full = this.#inFlightBytes >= MAX_IN_FLIGHT_BYTES;
    if (full || waitMs > this.#faults.queueMs) this.#from.pause();
    if (!full && waitMs > this.#faults.queueMs) this.#wakeIn(waitMs - this.#faults.queueMs / 2);
    this.pump();
  }

  #readOn(): void {
    if (this.#inFlightBytes >= MAX_IN_FLIGHT_BYTES) return;
    if (this.#lineFreeAt - performance.now() > this.#faults.queueMs / 2) return;
    this.#from.resume();
  }

  #wakeIn(delayMs: number): void {
    clearTimeout(this.#wake);
    this.#wake = setTimeout(() => this.#readOn(), delayMs);
  }
}
