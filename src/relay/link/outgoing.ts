import { Flow } from '../../core/exchange.ts';
import { FrameType } from './frame.ts';
import type { FrameSocket } from './frame-socket.ts';
import { LinkError } from './link-error.ts';

/** What the outgoing direction uses of the link. */
export interface OutgoingLink {
  readonly wire: Pick<FrameSocket, 'head' | 'frame' | 'congested' | 'blocked'>;
  /** Longest piece of a body in one frame (bytes). */
  readonly pieceBytes: number;
  /** Longest payload the peer takes (bytes). */
  readonly maxFrame: number;
  /** Grows each time the wire has room again; a stream may pass those who wait once a round. */
  readonly round: number;
}

/** What the outgoing direction uses of its stream. */
export interface OutgoingStream {
  readonly link: OutgoingLink;
  /** 0 before `depart`. */
  readonly id: number;
  readonly gone: boolean;
  /** The first frame is about to leave: the stream gets its id. */
  depart(): void;
  /** `flush` is to be called when the wire has room. */
  waitForWire(): void;
  /** END was sent. */
  outgoingEnded(): void;
  /** Everything that waited was sent. */
  outgoingDrained(): void;
}

/** The bytes that a stream sends: what the peer's credit and the wire do not allow yet waits here. */
export class Outgoing {
  readonly #stream: OutgoingStream;
  readonly #link: OutgoingLink;
  /** Bytes the peer lets us send. */
  #credit: number;
  /** Bytes sent past those who wait, and in which round. */
  #ahead = 0;
  #aheadRound = 0;
  /** Output that had to wait. */
  #waiting: Buffer[] | undefined;
  #waitingHeads: { type: number; text: string }[] | undefined;
  #endWaiting = false;
  #ended = false;

  constructor(stream: OutgoingStream, credit: number) {
    this.#stream = stream;
    this.#link = stream.link;
    this.#credit = credit;
  }

  /** What was sent last is still here. */
  get waits(): boolean {
    return this.#waiting !== undefined;
  }

  /** END was sent. */
  get ended(): boolean {
    return this.#ended;
  }

  /** END was sent, or follows what waits. */
  get ending(): boolean {
    return this.#ended || this.#endWaiting;
  }

  /** See `MuxStream.sendHead`. */
  head(type: number, text: string, first: Buffer | undefined, end: boolean): Flow {
    if (this.#waiting !== undefined || this.#mustWait(text.length + (first?.length ?? 0))) {
      this.#waitingHeads ??= [];
      this.#waitingHeads.push({ type, text });
      this.#waiting ??= [];
      if (first !== undefined && first.length > 0) this.#waiting.push(first);
      this.#endWaiting = end;
      this.#stream.waitForWire();
      return Flow.paused;
    }
    const stream = this.#stream;
    const length = first === undefined ? 0 : first.length;
    const taken = Math.min(length, this.#credit, this.#link.maxFrame - 2 - text.length);
    const complete = taken === length;
    this.#credit -= taken;
    stream.depart();
    this.#link.wire.head(type, stream.id, text, first, taken, end && complete);
    if (complete) {
      if (end) this.#finish();
      return Flow.consumed;
    }
    const flow = this.bytes(first?.subarray(taken) ?? NO_BYTES);
    if (end) this.end();
    return flow;
  }

  bytes(chunk: Buffer): Flow {
    if (this.#stream.gone || this.#ended || chunk.length === 0) return Flow.consumed;
    if (this.#waiting !== undefined) {
      this.#waiting.push(chunk);
      return Flow.paused;
    }
    const sent = this.#transmit(chunk, false);
    if (sent === chunk.length) return Flow.consumed;
    this.#waiting = [sent === 0 ? chunk : chunk.subarray(sent)];
    return Flow.paused;
  }

  /** Sends the last bytes: their frame carries END. */
  last(chunk: Buffer): Flow {
    if (this.#stream.gone || this.#ended) return Flow.consumed;
    if (chunk.length === 0) {
      this.end();
      return Flow.consumed;
    }
    if (this.#waiting === undefined) {
      const sent = this.#transmit(chunk, true);
      if (sent === chunk.length) {
        this.#finish();
        return Flow.consumed;
      }
      this.#waiting = [chunk.subarray(sent)];
    } else this.#waiting.push(chunk);
    this.#endWaiting = true;
    return Flow.paused;
  }

  end(): void {
    const stream = this.#stream;
    if (stream.gone || this.ending) return;
    if (this.#waiting !== undefined) {
      this.#endWaiting = true;
      return;
    }
    this.#link.wire.frame(FrameType.data, stream.id, NO_BYTES, 0, 0, true);
    this.#finish();
  }

  /** The peer lets us send `bytes` more. @throws {LinkError} `protocol` */
  grant(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > MAX_CREDIT)
      throw new LinkError('protocol', `window overflow on stream ${this.#stream.id}`);
    if (this.#waiting === undefined) return;
    // New credit is no reason to go before those who wait for the wire.
    if (this.#link.wire.congested) this.#stream.waitForWire();
    else this.flush(Number.POSITIVE_INFINITY);
  }

  /** Sends what waited, as far as the peer's credit and the wire allow, and about `most` bytes. */
  flush(most: number): void {
    if (this.#waiting === undefined || this.#stream.gone) return;
    if (this.#waitingHeads !== undefined && !this.#sendWaitingHeads(this.#waitingHeads)) return;
    let left = most;
    while (this.#waiting.length > 0) {
      const chunk = this.#waiting[0] ?? NO_BYTES;
      if (left <= 0) {
        this.#stream.waitForWire();
        return;
      }
      const last = this.#endWaiting && this.#waiting.length === 1;
      const sent = this.#transmit(chunk, last, left);
      left -= sent;
      if (sent < chunk.length) {
        this.#waiting[0] = chunk.subarray(sent);
        if (left <= 0) this.#stream.waitForWire();
        return;
      }
      this.#waiting.shift();
      if (last) {
        this.#waiting = undefined;
        this.#finish();
        return;
      }
    }
    this.#waiting = undefined;
    if (this.#endWaiting) {
      this.#endWaiting = false;
      this.end();
    } else this.#stream.outgoingDrained();
  }

  /** Drops what waits. */
  discard(): void {
    this.#waiting = undefined;
  }

  /** The peer wants no more: drops what waits, and nothing is sent after it. */
  abandon(): void {
    this.#ended = true;
    this.#waiting = undefined;
  }

  #finish(): void {
    this.#ended = true;
    this.#stream.outgoingEnded();
  }

  #sendWaitingHeads(heads: { type: number; text: string }[]): boolean {
    const stream = this.#stream;
    const { wire } = this.#link;
    for (let head = heads[0]; head !== undefined; head = heads[0]) {
      if (wire.congested) {
        stream.waitForWire();
        return false;
      }
      heads.shift();
      stream.depart();
      wire.head(head.type, stream.id, head.text, undefined, 0, false);
    }
    this.#waitingHeads = undefined;
    return true;
  }

  /** Sends up to the credit and about `most`. Returns how many bytes went. */
  #transmit(chunk: Buffer, last: boolean, most = Number.POSITIVE_INFINITY): number {
    const stream = this.#stream;
    const link = this.#link;
    let sent = 0;
    while (sent < chunk.length && sent < most) {
      if (this.#mustWait(chunk.length)) {
        stream.waitForWire();
        return sent;
      }
      const next = Math.min(chunk.length, sent + link.pieceBytes, sent + this.#credit);
      if (next === sent) return sent;
      this.#credit -= next - sent;
      link.wire.frame(FrameType.data, stream.id, chunk, sent, next, last && next === chunk.length);
      sent = next;
    }
    return sent;
  }

  /**
   * Whether bytes are held back for the wire. Events and small answers are not, as long as its socket
   * takes them: they would wait for bodies that are in no hurry. A body in small pieces gains little,
   * since each stream may do this for a few of them only before all go on.
   */
  #mustWait(bytes: number): boolean {
    const { wire, round } = this.#link;
    if (!wire.congested) return false;
    if (wire.blocked) return true;
    if (this.#aheadRound !== round) {
      this.#aheadRound = round;
      this.#ahead = 0;
    }
    this.#ahead += bytes;
    return this.#ahead > AHEAD_BYTES;
  }
}

const NO_BYTES = Buffer.alloc(0);
const MAX_CREDIT = 0x7fffffff;
/** What a stream may send past those who wait. */
const AHEAD_BYTES = 16_384;
