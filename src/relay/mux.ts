import type { Clock } from '../core/clock.ts';
import { type FrameReceiver, FrameType } from './frame.ts';
import { Heartbeat } from './heartbeat.ts';
import { decodeGoaway, encodeGoaway, type GoawayReason, LinkError } from './link-error.ts';
import type { LinkSocket } from './link-socket.ts';
import { MuxStream, ResetCode, splitHead } from './mux-stream.ts';

/** Ids are never reused on a link; long before they run out the link is replaced. */
const LAST_STREAM_ID = 0xf0000000;
const NO_BYTES = Buffer.alloc(0);

export interface MuxOptions {
  readonly wire: LinkSocket;
  readonly clock: Clock;
  /** Body bytes the peer may send on a stream before we return credit. */
  readonly receiveWindow: number;
  /** The same, as the peer announced it. */
  readonly sendWindow: number;
  /** Streams open at once. */
  readonly maxStreams: number;
  /** Longest payload the peer takes (bytes). */
  readonly maxFrame: number;
  /**
   * Given on the side that answers (the agent): a request arrived on a new stream. `first` is only
   * valid during the call, and goes to `stream.onData` with `end`.
   */
  onRequest?(stream: MuxStream, head: string, first: Buffer, end: boolean): void;
  /** The peer will close the link and says why. */
  onGoaway?(reason: GoawayReason, detail: string): void;
  /** The link is gone; every stream has been told. */
  onClosed(error: LinkError): void;
}

/** Many exchanges over one link. */
export class Mux implements FrameReceiver {
  readonly wire: LinkSocket;
  /** This side answers requests; the other one opens streams. */
  readonly answers: boolean;
  /** Credit is returned in steps of this many bytes. */
  readonly creditStep: number;
  readonly maxFrame: number;
  readonly #options: MuxOptions;
  readonly #streams = new Map<number, MuxStream>();
  readonly #waitingForWire = new Set<MuxStream>();
  readonly #heartbeat: Heartbeat;
  readonly #small = Buffer.alloc(4);
  #lastId = 0;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(options: MuxOptions) {
    this.#options = options;
    this.wire = options.wire;
    this.answers = options.onRequest !== undefined;
    this.creditStep = options.receiveWindow >>> 1;
    this.maxFrame = options.maxFrame;
    this.#heartbeat = new Heartbeat({
      clock: options.clock,
      spoke: () => this.wire.takeSpoke(),
      stalledMs: () => this.wire.stalledMs,
      ping: () => this.wire.frame(FrameType.ping, 0, NO_BYTES, 0, 0, false),
      dead: (why) => this.wire.destroy(new LinkError('closing', why)),
    });
    this.wire.receiver = this;
    this.wire.onHeard = () => this.#heartbeat.heard();
    this.wire.onRelaxed = () => this.#onRelaxed();
    this.wire.onClosed = (error) => this.#onClosed(error);
  }

  get active(): number {
    return this.#streams.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Ids are used up: the link should be replaced. */
  get exhausted(): boolean {
    return this.#lastId >= LAST_STREAM_ID;
  }

  /** A new stream, or undefined at the limit. */
  open(): MuxStream | undefined {
    if (this.#closed || this.#streams.size >= this.#options.maxStreams || this.exhausted) return undefined;
    return this.#add(++this.#lastId);
  }

  /** Calls back once no stream is open; at once if none is. */
  whenIdle(callback: () => void): void {
    if (this.#streams.size === 0) callback();
    else this.#idle = callback;
  }

  goaway(reason: GoawayReason, detail: string): void {
    const payload = encodeGoaway(reason, detail);
    this.wire.frame(FrameType.goaway, 0, payload, 0, payload.length, false);
  }

  /** Says why, then ends the link and everything on it. */
  close(reason: GoawayReason, detail: string): void {
    if (this.#closed) return;
    this.goaway(reason, detail);
    this.wire.close(new LinkError(reason, detail));
  }

  frame(type: number, id: number, payload: Buffer, end: boolean): void {
    if (this.#closed) return;
    switch (type) {
      case FrameType.request:
        this.#onRequest(id, payload, end);
        return;
      case FrameType.response:
        if (this.answers) throw new LinkError('protocol', 'a response on the side that answers');
        this.#find(id)?.onHead(payload, end);
        return;
      case FrameType.window:
        this.#find(id)?.onWindow(readNumber(payload));
        return;
      case FrameType.reset:
        this.#find(id)?.onReset(payload.length >= 2 ? payload.readUInt16LE(0) : ResetCode.cancelled);
        return;
      case FrameType.ping:
        // A peer that pings without reading would make us buffer its answers.
        if (!this.wire.congested) this.wire.frame(FrameType.pong, 0, NO_BYTES, 0, 0, false);
        return;
      case FrameType.pong:
        return;
      case FrameType.goaway: {
        const { reason, detail } = decodeGoaway(payload);
        this.#options.onGoaway?.(reason, detail);
        return;
      }
      default:
        throw new LinkError('protocol', `frame type ${type} after registration`);
    }
  }

  data(id: number, piece: Buffer, end: boolean): void {
    if (!this.#closed) this.#find(id)?.onData(piece, end);
  }

  waitForWire(stream: MuxStream): void {
    this.#waitingForWire.add(stream);
  }

  sendWindow(id: number, credit: number): void {
    this.#small.writeUInt32LE(credit, 0);
    this.wire.frame(FrameType.window, id, this.#small, 0, 4, false);
  }

  sendReset(id: number, code: number): void {
    this.#small.writeUInt16LE(code, 0);
    this.wire.frame(FrameType.reset, id, this.#small, 0, 2, false);
  }

  forget(stream: MuxStream): void {
    this.#waitingForWire.delete(stream);
    if (!this.#streams.delete(stream.id)) return;
    this.wire.eager = this.#streams.size <= 1;
    if (this.#streams.size === 0) {
      const idle = this.#idle;
      this.#idle = undefined;
      idle?.();
    }
  }

  #add(id: number): MuxStream {
    const { sendWindow, receiveWindow } = this.#options;
    const stream = new MuxStream(this, id, sendWindow, receiveWindow);
    this.#streams.set(id, stream);
    this.wire.eager = this.#streams.size <= 1;
    return stream;
  }

  #onRequest(id: number, payload: Buffer, end: boolean): void {
    const { onRequest } = this.#options;
    if (onRequest === undefined) throw new LinkError('protocol', 'a request on the side that asks');
    if (id <= this.#lastId) throw new LinkError('protocol', `stream id ${id} was used before`);
    this.#lastId = id;
    if (this.#streams.size >= this.#options.maxStreams) {
      this.sendReset(id, ResetCode.refused);
      return;
    }
    const { text, first } = splitHead(payload);
    onRequest(this.#add(id), text, first, end);
  }

  /** Frames for a stream that ended a moment ago are normal; for one that never was they are not. */
  #find(id: number): MuxStream | undefined {
    if (id === 0 || id > this.#lastId) throw new LinkError('protocol', `stream ${id} was never opened`);
    return this.#streams.get(id);
  }

  #onRelaxed(): void {
    const waiting = [...this.#waitingForWire];
    this.#waitingForWire.clear();
    for (const stream of waiting) stream.flush();
  }

  #onClosed(error: LinkError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#heartbeat.stop();
    const streams = [...this.#streams.values()];
    for (const stream of streams) stream.onLinkLost(error.message);
    this.#options.onClosed(error);
  }
}

function readNumber(payload: Buffer): number {
  if (payload.length !== 4) throw new LinkError('protocol', 'a WIN without a credit');
  return payload.readUInt32LE(0);
}
