import type { Clock } from '../../core/clock.ts';
import { Flow } from '../../core/exchange.ts';
import { ByteQueue } from './byte-queue.ts';
import { LinkError } from './link-error.ts';
import { MAX_GROWN_WINDOW_BYTES, type WindowBudget } from './window-budget.ts';

/** What the incoming direction uses of the link. */
export interface IncomingLink {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** `kept`: the bytes of the frame that is being delivered must not be overwritten. */
  readonly wire: { kept: boolean };
  /** What the windows of all streams may grow by; undefined: they keep their size. */
  readonly budget: WindowBudget | undefined;
  /** See `Mux.heldBackByCredit`. */
  heldBackByCredit(elapsedMs: number): boolean;
  sendWindow(id: number, credit: number): void;
}

/** What the incoming direction uses of its stream. */
export interface IncomingStream {
  readonly link: IncomingLink;
  readonly id: number;
  readonly gone: boolean;
  /** Gives bytes to the receiver. */
  deliver(chunk: Buffer): Flow;
  /** The receiver has everything up to END. */
  deliverEnd(): void;
}

/** The bytes that a stream receives: what the receiver does not take yet waits here, and the peer gets credit for the rest. */
export class Incoming {
  readonly #stream: IncomingStream;
  readonly #link: IncomingLink;
  /** Bytes we let the peer send. */
  #credit: number;
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
  #ended = false;

  constructor(stream: IncomingStream, window: number) {
    this.#stream = stream;
    this.#link = stream.link;
    this.#credit = window;
    this.#window = window;
  }

  /** END arrived; the receiver may not have it yet. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Delivers nothing until `resume`. */
  hold(): void {
    this.#paused = true;
  }

  /** The receiver drained what it paused on. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#owe(this.#held);
    this.#held = 0;
    while (!this.#paused && !this.#stream.gone && this.#queue !== undefined) {
      const chunk = this.#queue.shift();
      if (this.#queue.isEmpty) this.#queue = undefined;
      if (chunk !== undefined) this.settle(this.#stream.deliver(chunk), chunk.length);
    }
    if (!this.#paused && !this.#stream.gone && this.#ended) this.#stream.deliverEnd();
  }

  /** Bytes of a body arrived. @throws {LinkError} `protocol` */
  data(piece: Buffer, end: boolean): void {
    const stream = this.#stream;
    this.count(piece.length, end);
    if (this.#paused) {
      this.#queue ??= new ByteQueue();
      this.#queue.push(piece);
      if (this.#queue.isEmpty) this.#queue = undefined;
      return;
    }
    if (piece.length > 0) {
      const flow = stream.deliver(piece);
      this.settle(flow, piece.length);
      if (flow !== Flow.consumed) this.#link.wire.kept = true;
    }
    if (end && !this.#paused && !stream.gone) stream.deliverEnd();
  }

  /** Checks what arrived against the rules of the protocol. @throws {LinkError} `protocol` */
  count(bytes: number, end: boolean): void {
    const { id } = this.#stream;
    if (this.#ended) throw new LinkError('protocol', `bytes after END on stream ${id}`);
    this.#credit -= bytes;
    if (this.#credit < 0) throw new LinkError('protocol', `stream ${id} sent beyond its window`);
    this.#ended = end;
  }

  /** Follows what the receiver did with bytes it was given. */
  settle(flow: Flow, bytes: number): void {
    if (flow === Flow.paused) {
      this.#paused = true;
      this.#held += bytes;
    } else this.#owe(bytes);
  }

  /** The stream is over: drops what waits, and others may grow instead. */
  discard(): void {
    if (this.#grown > 0) this.#link.budget?.giveBack(this.#grown);
    this.#queue?.clear();
    this.#queue = undefined;
  }

  /** Credit goes back in halves of the window: a WIN for each chunk would double the frames. */
  #owe(bytes: number): void {
    this.#owed += bytes;
    if (this.#stream.gone || this.#ended || this.#owed < this.#window >>> 1) return;
    const credit = this.#owed + this.#grow();
    this.#credit += credit;
    this.#link.sendWindow(this.#stream.id, credit);
    this.#owed = 0;
  }

  /** Half a window was read. Doubles it if that took less than a round trip: the peer waits for us. */
  #grow(): number {
    const link = this.#link;
    const { budget, clock } = link;
    if (budget === undefined) return 0;
    const now = clock.monotonic();
    const elapsedMs = now - this.#creditedAt;
    this.#creditedAt = now;
    const more = this.#window;
    if (more * 2 > MAX_GROWN_WINDOW_BYTES || !link.heldBackByCredit(elapsedMs)) return 0;
    if (!budget.take(more)) return 0;
    this.#window += more;
    this.#grown += more;
    return more;
  }
}
