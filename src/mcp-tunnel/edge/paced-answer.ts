import type { Clock, Timer } from '../../core/clock.ts';
import { type Exchange, Flow, type ResponseHead } from '../../core/exchange.ts';
import { EventBoundary, KEEP_ALIVE_COMMENT } from '../../http1/event-stream.ts';
import type { ByteBudget } from '../wire/byte-budget.ts';

/** An answer waits in copies of its pieces, so that a slow reader's memory shrinks as it reads. */
const PIECE_BYTES = 65_536;

/** Silence on an event stream before a comment is sent, as our own gateway does (milliseconds). */
const KEEP_ALIVE_MS = 15_000;

/**
 * An answer on its way to a visitor who may read slower than it comes. The agent cannot be told to
 * wait, so what the visitor does not take yet is kept here, within bounds: holding up the agent's
 * connection instead would hold up everybody else's answers.
 */
export class PacedAnswer {
  readonly #exchange: Exchange;
  readonly #budget: ByteBudget;
  readonly #limit: number;
  readonly #clock: Clock;
  /** Of an event stream, in what the visitor got so far. */
  #boundary: EventBoundary | undefined;
  #keepAlive: Timer | undefined;
  #queue: Buffer[] = [];
  #waiting = 0;
  #paused = false;
  #ending = false;

  /** @param limit what may wait (bytes) */
  constructor(exchange: Exchange, budget: ByteBudget, limit: number, clock: Clock) {
    this.#exchange = exchange;
    this.#budget = budget;
    this.#limit = limit;
    this.#clock = clock;
    exchange.onDrain = () => this.#onDrain();
  }

  head(head: ResponseHead): void {
    if (isEventStream(head)) {
      this.#boundary = new EventBoundary();
      this.#waitForSilence();
    }
    this.#paused = this.#exchange.respond(head) === Flow.paused;
  }

  /** @returns false when there is no room, and the answer cannot be completed any more */
  write(chunk: Buffer): boolean {
    let at = 0;
    for (; !this.#paused && at < chunk.length; at += PIECE_BYTES) {
      this.#send(chunk.subarray(at, at + PIECE_BYTES));
    }
    const left = chunk.subarray(at);
    // A single message may be longer than the limit: its agent cannot know.
    const full = this.#waiting > 0 && this.#waiting + left.length > this.#limit;
    if (full || !this.#budget.take(left.length)) return false;
    this.#waiting += left.length;
    this.#keep(left);
    return true;
  }

  /** The answer is complete; it ends once the visitor has taken it. */
  end(): void {
    this.#ending = true;
    if (this.#queue.length === 0) this.#finish();
  }

  /** An answer that came in one piece. @returns false when there is no room; nothing was sent then */
  whole(head: ResponseHead, body: Buffer): boolean {
    if (body.length <= PIECE_BYTES) {
      this.#exchange.respond(head, body, true);
      return true;
    }
    if (!this.#budget.take(body.length)) return false;
    this.#waiting = body.length;
    this.#keep(body);
    this.#ending = true;
    this.head(head);
    if (!this.#paused) this.#onDrain();
    return true;
  }

  /** The visitor has left. */
  drop(): void {
    this.#keepAlive?.cancel();
    this.#budget.give(this.#waiting);
    this.#waiting = 0;
    this.#queue = [];
  }

  #send(bytes: Buffer): void {
    this.#boundary?.see(bytes);
    if (this.#boundary !== undefined) this.#waitForSilence();
    this.#paused = this.#exchange.write(bytes) === Flow.paused;
  }

  #finish(): void {
    this.#keepAlive?.cancel();
    this.#exchange.end();
  }

  /** Proxies on the way cut a stream that says nothing for a minute; a comment is skipped by clients. */
  #waitForSilence(): void {
    this.#keepAlive?.cancel();
    this.#keepAlive = this.#clock.setTimer(() => {
      if (!this.#paused && this.#boundary?.reached === true) this.#send(KEEP_ALIVE_COMMENT);
      else this.#waitForSilence();
    }, KEEP_ALIVE_MS);
  }

  #keep(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#queue.push(Buffer.from(bytes.subarray(at, at + PIECE_BYTES)));
    }
  }

  #onDrain(): void {
    this.#paused = false;
    while (!this.#paused) {
      const chunk = this.#queue.shift();
      if (chunk === undefined) break;
      this.#waiting -= chunk.length;
      this.#budget.give(chunk.length);
      this.#send(chunk);
    }
    if (this.#ending && this.#queue.length === 0) this.#finish();
  }
}

/** One that is sent as it comes: a comment changes nothing but bytes that nobody has counted. */
function isEventStream({ lines, framing }: ResponseHead): boolean {
  if (framing.kind !== 'stream') return false;
  let isEvents = false;
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const name = lines[at]?.toLowerCase();
    if (name === 'content-type') isEvents = /^text\/event-stream\s*(?:;|$)/i.test(lines[at + 1] ?? '');
    if (name === 'content-encoding') return false;
  }
  return isEvents;
}
