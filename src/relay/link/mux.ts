import type { Clock } from '../../core/clock.ts';
import { type FrameReceiver, FrameType } from './frame.ts';
import type { FrameSocket } from './frame-socket.ts';
import { Heartbeat } from './heartbeat.ts';
import { decodeGoaway, encodeGoaway, type GoawayReason, LinkError } from './link-error.ts';
import { LinkPace } from './link-pace.ts';
import { type MuxPeer, MuxStream, ResetCode, splitHead } from './mux-stream.ts';
import type { WindowBudget } from './window-budget.ts';

/** Ids are never reused on a link; long before they run out the link is replaced. */
const LAST_STREAM_ID = 0xf0000000;
const NO_BYTES = Buffer.alloc(0);
/** What one of several waiting streams sends before the next has its turn. */
const TURN_BYTES = 32_768;
const LONG_WAY_PIECE_BYTES = 16_384;
/** A peer that lives but did not answer a PING for this long does not count them as we do. */
const UNANSWERED_MS = 8_000;

export interface MuxOptions {
  readonly wire: FrameSocket;
  readonly clock: Clock;
  /** Body bytes the peer may send on a stream before we return credit. */
  readonly receiveWindow: number;
  /** What windows may grow by, all streams together; absent: they keep their size. */
  readonly budget?: WindowBudget;
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
  /** Given on the side that asks: the agent says anew who may call. */
  onAccess?(payload: Buffer): void;
  /** Given on the side that asks: the agent wants to know what this side sees of it. */
  onCheck?(payload: Buffer): void;
  /** Given on the side that answers: what the relay saw. */
  onChecked?(payload: Buffer): void;
  /** The link is gone; every stream has been told. */
  onClosed(error: LinkError): void;
}

/** Many exchanges over one link. */
export class Mux implements FrameReceiver, MuxPeer {
  readonly wire: FrameSocket;
  readonly answers: boolean;
  readonly clock: Clock;
  readonly budget: WindowBudget | undefined;
  /** Shorter than `maxFrame` on a long way, where frames of others go in between. */
  pieceBytes: number;
  round = 0;
  readonly maxFrame: number;
  readonly #options: MuxOptions;
  readonly #streams = new Map<number, MuxStream>();
  /** Their requests have not left yet, and may leave in another order. */
  readonly #unsent = new Set<MuxStream>();
  readonly #waitingForWire = new Set<MuxStream>();
  readonly #heartbeat: Heartbeat;
  readonly #pace: LinkPace;
  readonly #small = Buffer.alloc(4);
  #lastId = 0;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(options: MuxOptions) {
    this.#options = options;
    this.wire = options.wire;
    this.answers = options.onRequest !== undefined;
    this.pieceBytes = options.maxFrame;
    this.clock = options.clock;
    this.budget = options.budget;
    this.#pace = new LinkPace(options.clock.monotonic());
    this.maxFrame = options.maxFrame;
    this.#heartbeat = new Heartbeat({
      clock: options.clock,
      spoke: () => this.wire.takeSpoke(),
      stalledMs: () => this.wire.stalledMs,
      ping: () => this.#mark(),
      alive: () => this.#distrust(),
      dead: (why) => this.wire.destroy(new LinkError('closing', why)),
    });
    this.wire.receiver = this;
    this.wire.onMark = () => this.#mark();
    this.#followPace();
    this.wire.onHeard = () => this.#heartbeat.heard();
    this.wire.onRelaxed = () => this.#onRelaxed();
    this.wire.onClosed = (error) => this.#onClosed(error);
  }

  get active(): number {
    return this.#streams.size + this.#unsent.size;
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
    if (this.#closed || this.active >= this.#options.maxStreams || this.exhausted) return undefined;
    const stream = this.#create(0);
    this.#unsent.add(stream);
    this.wire.eager = this.active <= 1;
    return stream;
  }

  /** Ids go up in the order in which requests leave. */
  depart(stream: MuxStream): number {
    this.#unsent.delete(stream);
    this.#streams.set(++this.#lastId, stream);
    return this.#lastId;
  }

  /** Calls back once no stream is open; at once if none is. */
  whenIdle(callback: () => void): void {
    if (this.active === 0) callback();
    else this.#idle = callback;
  }

  /** Asks how long the way is while nothing else is on it. Registration must be over. */
  measure(): void {
    this.#mark();
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
        if (!this.wire.overfull) this.wire.frame(FrameType.pong, 0, NO_BYTES, 0, 0, false);
        return;
      case FrameType.pong:
        this.#pace.arrived(this.clock.monotonic());
        this.#followPace();
        if (!this.wire.congested) this.#onRelaxed();
        return;
      case FrameType.goaway: {
        const { reason, detail } = decodeGoaway(payload);
        this.#options.onGoaway?.(reason, detail);
        return;
      }
      case FrameType.access:
        this.#options.onAccess?.(payload);
        return;
      case FrameType.check:
        // Each is answered, which credit does not bound.
        if (this.wire.overfull) throw new LinkError('protocol', 'the peer asks and does not read');
        this.#options.onCheck?.(payload);
        return;
      case FrameType.checked:
        this.#options.onChecked?.(payload);
        return;
      default:
        throw new LinkError('protocol', `frame type ${type} after registration`);
    }
  }

  data(id: number, piece: Buffer, end: boolean): void {
    if (!this.#closed) this.#find(id)?.onData(piece, end);
  }

  waitForWire(stream: MuxStream): void {
    this.#waitingForWire.add(stream);
    this.#pace.full(this.wire.sent);
  }

  /**
   * A stream's reader took `bytes` in `elapsedMs`: whether they came as slowly as they did because the
   * peer had to wait for credit.
   */
  heldBackByCredit(elapsedMs: number): boolean {
    const { tripMs, isLong } = this.#pace;
    if (this.#pace.waiting === 0) this.#mark();
    return isLong && tripMs !== undefined && elapsedMs < tripMs;
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
    if (!this.#unsent.delete(stream) && !this.#streams.delete(stream.id)) return;
    this.wire.eager = this.active <= 1;
    if (this.active === 0) {
      const idle = this.#idle;
      this.#idle = undefined;
      idle?.();
    }
  }

  #create(id: number): MuxStream {
    const { sendWindow, receiveWindow } = this.#options;
    return new MuxStream(this, id, sendWindow, receiveWindow);
  }

  #onRequest(id: number, payload: Buffer, end: boolean): void {
    const { onRequest } = this.#options;
    if (onRequest === undefined) throw new LinkError('protocol', 'a request on the side that asks');
    if (id <= this.#lastId) throw new LinkError('protocol', `stream id ${id} was used before`);
    this.#lastId = id;
    // Each request that is refused has an answer, which credit does not bound.
    if (this.wire.overfull) throw new LinkError('protocol', 'the peer asks and does not read');
    if (this.#streams.size >= this.#options.maxStreams) {
      this.sendReset(id, ResetCode.refused);
      return;
    }
    const { text, first } = splitHead(payload);
    const stream = this.#create(id);
    this.#streams.set(id, stream);
    this.wire.eager = this.active <= 1;
    onRequest(stream, text, first, end);
  }

  /** Frames for a stream that ended a moment ago are normal; for one that never was they are not. */
  #find(id: number): MuxStream | undefined {
    if (id === 0 || id > this.#lastId) throw new LinkError('protocol', `stream ${id} was never opened`);
    return this.#streams.get(id);
  }

  /** Who waits sends a piece each, in turn, until the wire is full again. */
  #onRelaxed(): void {
    this.round += 1;
    for (const stream of this.#waitingForWire) {
      if (this.wire.congested) return;
      // To the end of the line, which this loop comes to.
      this.#waitingForWire.delete(stream);
      stream.flush(TURN_BYTES);
    }
  }

  #mark(): void {
    // Before the frame: it counts its own bytes, and must not ask for another.
    this.#pace.mark(this.wire.sent, this.clock.monotonic());
    this.#followPace();
    this.wire.frame(FrameType.ping, 0, NO_BYTES, 0, 0, false);
  }

  #followPace(): void {
    this.pieceBytes = this.#pace.isLong ? Math.min(LONG_WAY_PIECE_BYTES, this.maxFrame) : this.maxFrame;
    this.wire.sendUntil = this.#pace.sendUntil;
    this.wire.markAt = this.#pace.nextMark;
  }

  #distrust(): void {
    if (this.#pace.waitingMs(this.clock.monotonic()) < UNANSWERED_MS) return;
    this.#pace.giveUp();
    this.#followPace();
    this.#onRelaxed();
  }

  #onClosed(error: LinkError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#heartbeat.stop();
    const streams = [...this.#streams.values(), ...this.#unsent];
    for (const stream of streams) stream.onLinkLost(error.message);
    this.#options.onClosed(error);
  }
}

function readNumber(payload: Buffer): number {
  if (payload.length !== 4) throw new LinkError('protocol', 'a WIN without a credit');
  return payload.readUInt32LE(0);
}
