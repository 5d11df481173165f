import { Flow } from '../../core/exchange.ts';
import { ByteQueue } from './byte-queue.ts';
import { FrameType } from './frame.ts';
import { LinkError } from './link-error.ts';
import type { Mux } from './mux.ts';
import { MAX_GROWN_WINDOW_BYTES } from './window-budget.ts';

/** Why a stream was reset, as it travels in RST. Numbers are permanent. */
export const ResetCode = {
  /** The answer is complete; the rest of the request is not wanted. */
  noError: 0,
  /** The side that asked went away, or the side that answers gave up. */
  cancelled: 1,
  /** Not processed at all: the stream limit is reached. */
  refused: 2,
  /** The stream's own bytes broke a rule. */
  protocol: 3,
} as const;

/** What happens on a stream, told to whoever owns its other end. */
export interface StreamReceiver {
  /** A response head (latin1 text) with the first body bytes; `end`: nothing follows. */
  head(text: string, first: Buffer, end: boolean): Flow;
  bytes(chunk: Buffer): Flow;
  /** The peer's direction is complete. */
  ended(): void;
  /** Writing may go on after `Flow.paused`. */
  drained(): void;
  /**
   * The stream ended before both directions were complete. Nothing follows.
   *
   * @param code of the peer's RST; undefined when the whole link went down
   */
  broken(code: number | undefined, detail: string): void;
}

/** Longest head of a request or an answer that travels on a link. */
export const MAX_HEAD_BYTES = 32_768;

/** One exchange on a link: two byte directions, each with its own credit. */
export class MuxStream {
  #id: number;
  receiver: StreamReceiver | undefined;
  readonly #mux: Mux;
  /** Bytes the peer lets us send. */
  #sendCredit: number;
  /** Bytes we let the peer send. */
  #receiveCredit: number;
  /** Bytes we let it have under way; grows while the reader keeps up and the way is long. */
  #window: number;
  #grown = 0;
  #creditedAt = 0;
  /** Consumed bytes not yet returned as credit. */
  #owed = 0;
  /** Bytes handed to a receiver that paused on them: owed once it resumes. */
  #held = 0;
  #paused = false;
  #queue: ByteQueue | undefined;
  /** Bytes sent past those who wait, and in which round. */
  #ahead = 0;
  #aheadRound = 0;
  /** Output that had to wait. */
  #waiting: Buffer[] | undefined;
  #waitingHeads: { type: number; text: string }[] | undefined;
  #endWaiting = false;
  #localEnded = false;
  #remoteEnded = false;
  #gone = false;

  constructor(mux: Mux, id: number, sendCredit: number, receiveCredit: number) {
    this.#mux = mux;
    this.#id = id;
    this.#sendCredit = sendCredit;
    this.#receiveCredit = receiveCredit;
    this.#window = receiveCredit;
  }

  /** 0 until the request left: the peer knows nothing of this stream. */
  get id(): number {
    return this.#id;
  }

  /** Nothing can be sent or received any more. */
  get gone(): boolean {
    return this.#gone;
  }

  /** What was sent last is still here. */
  get waits(): boolean {
    return this.#waiting !== undefined;
  }

  get localEnded(): boolean {
    return this.#localEnded || this.#endWaiting;
  }

  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  /** Sends REQ or RES: one frame for the whole of a small exchange. `end`: nothing follows. */
  sendHead(type: number, text: string, first: Buffer | undefined, end: boolean): Flow {
    if (this.#gone) return Flow.consumed;
    if (this.#waiting !== undefined || this.#mustWait(text.length + (first?.length ?? 0))) {
      this.#waitingHeads ??= [];
      this.#waitingHeads.push({ type, text });
      this.#waiting ??= [];
      if (first !== undefined && first.length > 0) this.#waiting.push(first);
      this.#endWaiting = end;
      this.#mux.waitForWire(this);
      return Flow.paused;
    }
    const length = first === undefined ? 0 : first.length;
    const taken = Math.min(length, this.#sendCredit, this.#mux.maxFrame - 2 - text.length);
    const complete = taken === length;
    this.#sendCredit -= taken;
    this.#depart();
    this.#mux.wire.head(type, this.id, text, first, taken, end && complete);
    if (complete) {
      if (end) this.#afterLocalEnd();
      return Flow.consumed;
    }
    const flow = this.send(first?.subarray(taken) ?? NO_BYTES);
    if (end) this.end();
    return flow;
  }

  send(chunk: Buffer): Flow {
    if (this.#gone || this.#localEnded || chunk.length === 0) return Flow.consumed;
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
  sendLast(chunk: Buffer): Flow {
    if (this.#gone || this.#localEnded) return Flow.consumed;
    if (chunk.length === 0) {
      this.end();
      return Flow.consumed;
    }
    if (this.#waiting === undefined) {
      const sent = this.#transmit(chunk, true);
      if (sent === chunk.length) {
        this.#afterLocalEnd();
        return Flow.consumed;
      }
      this.#waiting = [chunk.subarray(sent)];
    } else this.#waiting.push(chunk);
    this.#endWaiting = true;
    return Flow.paused;
  }

  end(): void {
    if (this.#gone || this.localEnded) return;
    if (this.#waiting !== undefined) {
      this.#endWaiting = true;
      return;
    }
    this.#mux.wire.frame(FrameType.data, this.id, NO_BYTES, 0, 0, true);
    this.#afterLocalEnd();
  }

  /** Ends the stream at once in both directions. The receiver hears no more of it. */
  reset(code: number): void {
    if (this.#gone) return;
    // A visitor may be gone before its request left: the peer must not hear of that id at all.
    if (this.id !== 0) this.#mux.sendReset(this.id, code);
    this.#leave();
  }

  /** Delivers nothing until `resume`. For a receiver that does not want its body yet. */
  hold(): void {
    this.#paused = true;
  }

  /** The receiver drained what it paused on. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#owe(this.#held);
    this.#held = 0;
    while (!this.#paused && !this.#gone && this.#queue !== undefined) {
      const chunk = this.#queue.shift();
      if (this.#queue.isEmpty) this.#queue = undefined;
      if (chunk !== undefined) this.#give(chunk);
    }
    if (!this.#paused && !this.#gone && this.#remoteEnded) this.#deliverEnd();
  }

  onHead(payload: Buffer, end: boolean): void {
    const { text, first } = splitHead(payload);
    this.#take(first.length, end);
    if (end) {
      if (!this.#localEnded) this.#mux.sendReset(this.id, ResetCode.noError);
      this.#leave();
    }
    const flow = this.receiver?.head(text, first, end) ?? Flow.consumed;
    if (flow !== Flow.consumed) this.#mux.wire.kept = true;
    this.#settle(flow, first.length);
  }

  onData(piece: Buffer, end: boolean): void {
    if (this.#gone) return;
    this.#take(piece.length, end);
    if (this.#paused) {
      this.#queue ??= new ByteQueue();
      this.#queue.push(piece);
      if (this.#queue.isEmpty) this.#queue = undefined;
      return;
    }
    if (piece.length > 0 && this.#give(piece) !== Flow.consumed) this.#mux.wire.kept = true;
    if (end && !this.#paused && !this.#gone) this.#deliverEnd();
  }

  onWindow(credit: number): void {
    this.#sendCredit += credit;
    if (this.#sendCredit > 0x7fffffff)
      throw new LinkError('protocol', `window overflow on stream ${this.id}`);
    if (this.#waiting === undefined) return;
    // New credit is no reason to go before those who wait for the wire.
    if (this.#mux.wire.congested) this.#mux.waitForWire(this);
    else this.flush();
  }

  onReset(code: number): void {
    // "Answered, send no more" overtakes an answer that a slow reader has not taken yet.
    if (code === ResetCode.noError && this.#answerArrived) {
      this.#localEnded = true;
      this.#waiting = undefined;
      return;
    }
    this.#leave();
    this.receiver?.broken(code, code === ResetCode.refused ? 'stream limit reached' : 'reset by the peer');
  }

  onLinkLost(detail: string): void {
    // All of the answer is here: what is left of it still goes to the visitor.
    if (this.#answerArrived) return;
    this.#leave();
    this.receiver?.broken(undefined, detail);
  }

  /** Sends what waited, as far as the peer's credit and the wire allow, and about `most` bytes. */
  flush(most = Number.POSITIVE_INFINITY): void {
    if (this.#waiting === undefined || this.#gone) return;
    if (this.#waitingHeads !== undefined && !this.#sendWaitingHeads(this.#waitingHeads)) return;
    let left = most;
    while (this.#waiting.length > 0) {
      const chunk = this.#waiting[0] ?? NO_BYTES;
      if (left <= 0) {
        this.#mux.waitForWire(this);
        return;
      }
      const last = this.#endWaiting && this.#waiting.length === 1;
      const sent = this.#transmit(chunk, last, left);
      left -= sent;
      if (sent < chunk.length) {
        this.#waiting[0] = chunk.subarray(sent);
        if (left <= 0) this.#mux.waitForWire(this);
        return;
      }
      this.#waiting.shift();
      if (last) {
        this.#waiting = undefined;
        this.#afterLocalEnd();
        return;
      }
    }
    this.#waiting = undefined;
    if (this.#endWaiting) {
      this.#endWaiting = false;
      this.end();
    } else this.receiver?.drained();
  }

  #depart(): void {
    if (this.#id === 0) this.#id = this.#mux.depart(this);
  }

  #sendWaitingHeads(heads: { type: number; text: string }[]): boolean {
    for (let head = heads[0]; head !== undefined; head = heads[0]) {
      if (this.#mux.wire.congested) {
        this.#mux.waitForWire(this);
        return false;
      }
      heads.shift();
      this.#depart();
      this.#mux.wire.head(head.type, this.id, head.text, undefined, 0, false);
    }
    this.#waitingHeads = undefined;
    return true;
  }

  /** Sends up to the credit and about `most`. Returns how many bytes went. */
  #transmit(chunk: Buffer, last: boolean, most = Number.POSITIVE_INFINITY): number {
    let sent = 0;
    while (sent < chunk.length && sent < most) {
      if (this.#mustWait(chunk.length)) {
        this.#mux.waitForWire(this);
        return sent;
      }
      const next = Math.min(chunk.length, sent + this.#mux.pieceBytes, sent + this.#sendCredit);
      if (next === sent) return sent;
      this.#sendCredit -= next - sent;
      this.#mux.wire.frame(FrameType.data, this.id, chunk, sent, next, last && next === chunk.length);
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
    const { wire, round } = this.#mux;
    if (!wire.congested) return false;
    if (wire.blocked) return true;
    if (this.#aheadRound !== round) {
      this.#aheadRound = round;
      this.#ahead = 0;
    }
    this.#ahead += bytes;
    return this.#ahead > AHEAD_BYTES;
  }

  /** Checks what arrived against the rules of the protocol. */
  #take(bytes: number, end: boolean): void {
    if (this.#remoteEnded) throw new LinkError('protocol', `bytes after END on stream ${this.id}`);
    this.#receiveCredit -= bytes;
    if (this.#receiveCredit < 0) throw new LinkError('protocol', `stream ${this.id} sent beyond its window`);
    this.#remoteEnded = end;
  }

  #give(chunk: Buffer): Flow {
    const flow = this.receiver?.bytes(chunk) ?? Flow.consumed;
    this.#settle(flow, chunk.length);
    return flow;
  }

  #settle(flow: Flow, bytes: number): void {
    if (flow === Flow.paused) {
      this.#paused = true;
      this.#held += bytes;
    } else this.#owe(bytes);
  }

  /** Credit goes back in halves of the window: a WIN for each chunk would double the frames. */
  #owe(bytes: number): void {
    this.#owed += bytes;
    if (this.#gone || this.#remoteEnded || this.#owed < this.#window >>> 1) return;
    const credit = this.#owed + this.#grow();
    this.#receiveCredit += credit;
    this.#mux.sendWindow(this.id, credit);
    this.#owed = 0;
  }

  /** Half a window was read. Doubles it if that took less than a round trip: the peer waits for us. */
  #grow(): number {
    const { budget, clock } = this.#mux;
    if (budget === undefined) return 0;
    const now = clock.monotonic();
    const elapsedMs = now - this.#creditedAt;
    this.#creditedAt = now;
    const more = this.#window;
    if (more * 2 > MAX_GROWN_WINDOW_BYTES || !this.#mux.heldBackByCredit(elapsedMs)) return 0;
    if (!budget.take(more)) return 0;
    this.#window += more;
    this.#grown += more;
    return more;
  }

  get #answerArrived(): boolean {
    return !this.#mux.answers && this.#remoteEnded;
  }

  /** The end of an answer ends the stream, also where the request was not sent to its end. */
  #deliverEnd(): void {
    if (!this.#mux.answers) {
      if (!this.#localEnded) this.#mux.sendReset(this.id, ResetCode.noError);
      this.#leave();
    }
    this.receiver?.ended();
  }

  #afterLocalEnd(): void {
    this.#localEnded = true;
    if (!this.#mux.answers) return;
    if (!this.#remoteEnded) this.#mux.sendReset(this.id, ResetCode.noError);
    this.#leave();
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#grown > 0) this.#mux.budget?.giveBack(this.#grown);
    this.#waiting = undefined;
    this.#queue?.clear();
    this.#queue = undefined;
    this.#mux.forget(this);
  }
}

const NO_BYTES = Buffer.alloc(0);
/** What a stream may send past those who wait. */
const AHEAD_BYTES = 16_384;

/** Payload of REQ and RES: `u16 headLen | head | first body bytes`. */
export function splitHead(payload: Buffer): { text: string; first: Buffer } {
  const length = payload.length < 2 ? 0 : payload.readUInt16LE(0);
  if (length === 0 || payload.length < 2 + length || length > MAX_HEAD_BYTES) {
    throw new LinkError('protocol', 'a head of impossible length');
  }
  return { text: payload.toString('latin1', 2, 2 + length), first: payload.subarray(2 + length) };
}
