import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import { readOnAfterFailedWrite } from '../../http1/failed-write.ts';
import { FrameDecoder, type FrameReceiver, writeFrameHeader } from './frame.ts';
import { LinkError } from './link-error.ts';
import { BATCH_BYTES, returnSlab, SLAB_START, takeSlab } from './slab.ts';
import { controlFrame, finishWebSocketFrame, Opcode, WebSocketDecoder } from './websocket-frame.ts';
import { nextMask } from './websocket-mask.ts';

/** Unsent bytes above which producers wait, and below which they go on. */
const CONGESTED_BYTES = 1_048_576;
const RELAXED_BYTES = 524_288;
/** How long the peer may take to read our last words before the socket is destroyed. */
const LINGER_MS = 1_000;
const CLOSE_NORMAL = Buffer.from([0x03, 0xe8]);

/**
 * `none`: the relay's side. `random`: the agent's side over plain TCP. `zero`: the agent's side over
 * TLS, where no proxy sees the bytes that masking protects it from.
 */
export type Masking = 'none' | 'random' | 'zero';

/** Frames over WebSocket over one socket: batching, masking and the backlog. */
export class FrameSocket {
  /** Takes the decoded frames. Replaced once, when registration is over. */
  receiver: FrameReceiver;
  /** Bytes of any kind arrived. */
  onHeard: (() => void) | undefined;
  /** The backlog is short again. */
  onRelaxed: (() => void) | undefined;
  /** Called once, when no more frames will come. */
  onClosed: ((error: LinkError) => void) | undefined;
  /** Send at once instead of once a loop turn: cheaper while there is nothing to batch with. */
  eager = true;
  /** So many bytes may be sent in all before producers wait, and the next PING should leave. */
  sendUntil = Number.POSITIVE_INFINITY;
  markAt = Number.POSITIVE_INFINITY;
  /** Called when `markAt` is reached; sets the next one. */
  onMark: (() => void) | undefined;
  /** Set when a receiver kept a piece of the bytes being received; their buffer must not be reused. */
  kept = false;

  readonly #socket: Socket;
  readonly #masking: Masking;
  readonly #clock: Clock;
  readonly #decoder: WebSocketDecoder;
  #slab: Buffer | undefined;
  #fill = SLAB_START;
  readonly #inFlight: Buffer[] = [];
  /** Bytes that left the slab. */
  #flushed = 0;
  #scheduled = false;
  #congested = false;
  #closed = false;
  #writesFail = false;
  #linger: Timer | undefined;
  #progressAt: number;
  #spoke = false;

  constructor(socket: Socket, masking: Masking, clock: Clock, receiver: FrameReceiver) {
    this.#socket = socket;
    this.#masking = masking;
    this.#clock = clock;
    this.#progressAt = clock.monotonic();
    this.receiver = receiver;
    const frames = new FrameDecoder({
      frame: (type, id, payload, end) => this.receiver.frame(type, id, payload, end),
      data: (id, piece, end) => this.receiver.data(id, piece, end),
    });
    this.#decoder = new WebSocketDecoder(masking === 'none' ? 'server' : 'client', {
      payload: (piece) => {
        if (!this.#closed) frames.push(piece);
      },
      control: (opcode, payload) => this.#onControl(opcode, payload),
    });
    socket.setNoDelay(true);
    // Before it closed, the peer may have said why.
    readOnAfterFailedWrite(socket, () => {
      this.#writesFail = true;
    });
    socket.on('end', () => this.#finish(new LinkError('closing', 'the peer closed the connection')));
    socket.on('error', (error) => this.#finish(new LinkError('closing', error.message)));
    socket.on('close', () => {
      this.#linger?.cancel();
      this.#finish(new LinkError('closing', 'the connection ended'));
    });
  }

  /** Producers should hold their bytes back. */
  get congested(): boolean {
    return this.#congested || this.sent >= this.sendUntil;
  }

  /** The socket does not take what it is given: even what is small and urgent waits. */
  get blocked(): boolean {
    return this.#congested;
  }

  /** So many bytes wait that the peer seems not to read at all. */
  get overfull(): boolean {
    return this.#socket.writableLength > 2 * CONGESTED_BYTES;
  }

  /** Bytes of all frames so far. */
  get sent(): number {
    return this.#flushed + this.#fill - SLAB_START;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How long the oldest unsent byte has been waiting without any progress (milliseconds). */
  get stalledMs(): number {
    return this.#inFlight.length === 0 ? 0 : this.#clock.monotonic() - this.#progressAt;
  }

  /** Whether a frame was sent since the last call. */
  takeSpoke(): boolean {
    const spoke = this.#spoke;
    this.#spoke = false;
    return spoke;
  }

  /** Takes bytes from the socket. May unmask them in place. */
  receive(chunk: Buffer): void {
    if (this.#closed) return;
    this.onHeard?.();
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      this.#finish(error);
    }
  }

  /** Sends a frame of one payload. The bytes are copied. */
  frame(type: number, id: number, payload: Buffer, start: number, end: number, last: boolean): void {
    if (this.#closed) return;
    const slab = this.#room();
    const at = writeFrameHeader(slab, this.#fill, id, end - start, type, last);
    payload.copy(slab, at, start, end);
    this.#fill = at + end - start;
    this.#leave();
  }

  /** Sends REQ or RES: `u16 headLen | head (latin1) | first body bytes`. */
  head(
    type: number,
    id: number,
    head: string,
    body: Buffer | undefined,
    bodyEnd: number,
    last: boolean,
  ): void {
    if (this.#closed) return;
    const slab = this.#room();
    let at = writeFrameHeader(slab, this.#fill, id, 2 + head.length + bodyEnd, type, last);
    slab.writeUInt16LE(head.length, at);
    at += 2;
    at += slab.write(head, at, 'latin1');
    if (body !== undefined) at += body.copy(slab, at, 0, bodyEnd);
    this.#fill = at;
    this.#leave();
  }

  /** Says goodbye: what was sent so far still goes out, then the socket ends. */
  close(error: LinkError): void {
    if (this.#closed) return;
    this.#flush();
    this.#finish(error);
  }

  /** Ends the socket without another word. */
  destroy(error: LinkError): void {
    this.#finish(error);
    this.#socket.destroy();
  }

  #room(): Buffer {
    this.#slab ??= takeSlab();
    return this.#slab;
  }

  #leave(): void {
    this.#spoke = true;
    if (this.sent >= this.markAt) this.onMark?.();
    const backlog = this.#socket.writableLength + this.#fill - SLAB_START;
    if (backlog > CONGESTED_BYTES) this.#congested = true;
    if (this.#fill - SLAB_START >= BATCH_BYTES) this.#flush();
    // While the socket still holds bytes, ours wait in the slab: their write's end takes them along.
    else if (this.#inFlight.length > 0 && this.#socket.writableLength > 0) return;
    else if (this.eager) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#onTurn);
    }
  }

  readonly #onTurn = (): void => {
    this.#scheduled = false;
    this.#flush();
  };

  #flush(): void {
    const slab = this.#slab;
    if (slab === undefined || this.#fill === SLAB_START) return;
    this.#slab = undefined;
    const end = this.#fill;
    this.#fill = SLAB_START;
    this.#flushed += end - SLAB_START;
    if (this.#closed) {
      returnSlab(slab);
      return;
    }
    const start = finishWebSocketFrame(slab, SLAB_START, end, Opcode.binary, this.#mask());
    if (this.#inFlight.length === 0) this.#progressAt = this.#clock.monotonic();
    this.#inFlight.push(slab);
    this.#socket.write(slab.subarray(start, end), this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    const slab = this.#inFlight.shift();
    // After a failed write libuv may still hold the memory until the handle is gone.
    if (error || this.#writesFail) return;
    if (slab !== undefined) returnSlab(slab);
    this.#progressAt = this.#clock.monotonic();
    // A pong may still wait in the socket; when it is written, no stream needs to be woken.
    if (this.#inFlight.length === 0 && !this.#scheduled) this.#flush();
    if (this.#congested && this.#socket.writableLength + this.#fill - SLAB_START < RELAXED_BYTES) {
      this.#congested = false;
      this.onRelaxed?.();
    }
  };

  #mask(): number | undefined {
    if (this.#masking === 'none') return undefined;
    return this.#masking === 'zero' ? 0 : nextMask();
  }

  #onControl(opcode: number, payload: Buffer): void {
    // RFC 6455 §5.5.2: a ping is answered, except when the peer does not read anyway.
    if (opcode === Opcode.ping && this.#socket.writableLength < CONGESTED_BYTES && !this.#closed) {
      this.#socket.write(controlFrame(Opcode.pong, payload, this.#mask()));
    } else if (opcode === Opcode.close) {
      this.#finish(new LinkError('closing', 'the peer closed the WebSocket'));
    }
  }

  #finish(error: LinkError): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#slab !== undefined) returnSlab(this.#slab);
    this.#slab = undefined;
    this.#fill = SLAB_START;
    if (!this.#socket.destroyed) {
      // The peer may be sending: destroying now would answer with RST and lose our last words.
      if (this.#socket.writable) this.#socket.end(controlFrame(Opcode.close, CLOSE_NORMAL, this.#mask()));
      this.#linger = this.#clock.setTimer(() => this.#socket.destroy(), LINGER_MS);
    }
    this.onClosed?.(error);
  }
}
