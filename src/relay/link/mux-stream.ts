import { Flow } from '../../core/exchange.ts';
import { Incoming, type IncomingLink, type IncomingStream } from './incoming.ts';
import { LinkError } from './link-error.ts';
import { Outgoing, type OutgoingLink, type OutgoingStream } from './outgoing.ts';

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

/** What happens on a stream, told to its owner on this side. */
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

/** What a stream uses of the link it is on. */
export interface MuxPeer extends OutgoingLink, IncomingLink {
  readonly wire: OutgoingLink['wire'] & IncomingLink['wire'];
  /** This side answers requests; the other one opens streams. */
  readonly answers: boolean;
  /** The request of a stream leaves. @returns the stream's id */
  depart(stream: MuxStream): number;
  /** `stream.flush` is called when the wire has room. */
  waitForWire(stream: MuxStream): void;
  /** The stream is over. */
  forget(stream: MuxStream): void;
  sendReset(id: number, code: number): void;
}

/** One exchange on a link: two byte directions, each with its own credit. */
export class MuxStream implements OutgoingStream, IncomingStream {
  readonly link: MuxPeer;
  receiver: StreamReceiver | undefined;
  #id: number;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  #gone = false;

  /**
   * @param id 0 where the request has not left yet
   * @param sendCredit bytes that the peer lets us send
   * @param receiveWindow bytes that we let the peer send
   */
  constructor(link: MuxPeer, id: number, sendCredit: number, receiveWindow: number) {
    this.link = link;
    this.#id = id;
    this.#outgoing = new Outgoing(this, sendCredit);
    this.#incoming = new Incoming(this, receiveWindow);
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
    return this.#outgoing.waits;
  }

  /** Nothing more can be sent: END was, or follows what waits. */
  get localEnded(): boolean {
    return this.#outgoing.ending;
  }

  get remoteEnded(): boolean {
    return this.#incoming.ended;
  }

  /** Sends REQ or RES: one frame for the whole of a small exchange. `end`: nothing follows. */
  sendHead(type: number, text: string, first: Buffer | undefined, end: boolean): Flow {
    return this.#gone ? Flow.consumed : this.#outgoing.head(type, text, first, end);
  }

  send(chunk: Buffer): Flow {
    return this.#outgoing.bytes(chunk);
  }

  /** Sends the last bytes: their frame carries END. */
  sendLast(chunk: Buffer): Flow {
    return this.#outgoing.last(chunk);
  }

  end(): void {
    this.#outgoing.end();
  }

  /** Ends the stream at once in both directions. The receiver hears no more of it. */
  reset(code: number): void {
    if (this.#gone) return;
    // A visitor may be gone before its request left: the peer must not hear of that id at all.
    if (this.#id !== 0) this.link.sendReset(this.#id, code);
    this.#leave();
  }

  /** Delivers nothing until `resume`. For a receiver that does not want its body yet. */
  hold(): void {
    this.#incoming.hold();
  }

  /** The receiver drained what it paused on. */
  resume(): void {
    this.#incoming.resume();
  }

  // Called by the link.

  onHead(payload: Buffer, end: boolean): void {
    const { text, first } = splitHead(payload);
    this.#incoming.count(first.length, end);
    if (end) this.#complete();
    const flow = this.receiver?.head(text, first, end) ?? Flow.consumed;
    if (flow !== Flow.consumed) this.link.wire.kept = true;
    this.#incoming.settle(flow, first.length);
  }

  onData(piece: Buffer, end: boolean): void {
    if (!this.#gone) this.#incoming.data(piece, end);
  }

  onWindow(credit: number): void {
    this.#outgoing.grant(credit);
  }

  onReset(code: number): void {
    // "Answered, send no more" overtakes an answer that a slow reader has not taken yet.
    if (code === ResetCode.noError && this.#answerArrived) {
      this.#outgoing.abandon();
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
  flush(most: number): void {
    this.#outgoing.flush(most);
  }

  // Called by the two directions.

  depart(): void {
    if (this.#id === 0) this.#id = this.link.depart(this);
  }

  waitForWire(): void {
    this.link.waitForWire(this);
  }

  outgoingEnded(): void {
    if (!this.link.answers) return;
    if (!this.#incoming.ended) this.link.sendReset(this.#id, ResetCode.noError);
    this.#leave();
  }

  outgoingDrained(): void {
    this.receiver?.drained();
  }

  deliver(chunk: Buffer): Flow {
    return this.receiver?.bytes(chunk) ?? Flow.consumed;
  }

  deliverEnd(): void {
    if (!this.link.answers) this.#complete();
    this.receiver?.ended();
  }

  get #answerArrived(): boolean {
    return !this.link.answers && this.#incoming.ended;
  }

  /** The end of an answer ends the stream, also where the request was not sent to its end. */
  #complete(): void {
    if (!this.#outgoing.ended) this.link.sendReset(this.#id, ResetCode.noError);
    this.#leave();
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#outgoing.discard();
    this.#incoming.discard();
    this.link.forget(this);
  }
}

/** Payload of REQ and RES: `u16 headLen | head | first body bytes`. */
export function splitHead(payload: Buffer): { text: string; first: Buffer } {
  const length = payload.length < 2 ? 0 : payload.readUInt16LE(0);
  if (length === 0 || payload.length < 2 + length || length > MAX_HEAD_BYTES) {
    throw new LinkError('protocol', 'a head of impossible length');
  }
  return { text: payload.toString('latin1', 2, 2 + length), first: payload.subarray(2 + length) };
}
