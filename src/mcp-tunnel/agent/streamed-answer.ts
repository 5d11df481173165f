import { Flow, type ResponseHead } from '../../core/exchange.ts';
import { headerMapOf } from '../wire/header-map.ts';
import {
  encodeResponseChunk,
  encodeResponseError,
  encodeResponseHead,
  type ResponseHead as WireHead,
} from '../wire/messages.ts';
import type { TextSocket } from '../wire/text-socket.ts';
import type { AnswerWriter } from './answer-writer.ts';
import type { OwnAnswer } from './own-answer.ts';
import type { Sender, SendTurns } from './send-turns.ts';

/** What the official agents send at most in one message (body bytes). */
const MAX_CHUNK_BYTES = 65_536;
const NOTHING = Buffer.alloc(0);

export interface StreamedAnswerEvents {
  /** Bytes may come again after `Flow.paused`. */
  drained(): void;
  /** Called once, when nothing more will be sent. */
  done(): void;
}

/** The second generation's answer: a head, chunks as they come, a terminator or an error. */
export class StreamedAnswer implements AnswerWriter, Sender {
  readonly owes = 'head';
  readonly #id: string;
  readonly #wire: TextSocket;
  readonly #turns: SendTurns;
  readonly #on: StreamedAnswerEvents;
  #held: Buffer[] = [];
  #begun = false;
  #ended = false;
  #over = false;

  constructor(id: string, wire: TextSocket, turns: SendTurns, on: StreamedAnswerEvents) {
    this.#id = id;
    this.#wire = wire;
    this.#turns = turns;
    this.#on = on;
  }

  head({ status, lines }: ResponseHead): undefined {
    this.#begin({ id: this.#id, status, headers: headerMapOf(lines) });
  }

  data(chunk: Buffer): Flow {
    if (this.#over || chunk.length === 0) return Flow.consumed;
    let at = 0;
    while (at < chunk.length && this.#held.length === 0 && this.#turns.free) {
      this.#send(chunk.subarray(at, at + MAX_CHUNK_BYTES));
      at += MAX_CHUNK_BYTES;
    }
    if (at >= chunk.length) return Flow.consumed;
    this.#held.push(chunk.subarray(at));
    this.#turns.wait(this);
    return Flow.paused;
  }

  end(): void {
    if (this.#over) return;
    this.#ended = true;
    if (this.#held.length === 0) this.#finish();
  }

  instead({ status, headers, body }: OwnAnswer): boolean {
    if (this.#begun || this.#over) return false;
    this.#begin({ id: this.#id, status, headers });
    this.#send(body);
    this.#finish();
    return true;
  }

  broken(reason: string): void {
    if (this.#over) return;
    this.forget();
    // After the head too: it is the only way to tell the relay that the body is not complete.
    this.#wire.send(encodeResponseError({ id: this.#id, message: reason }));
  }

  forget(): void {
    if (this.#over) return;
    this.#over = true;
    this.#held = [];
    this.#turns.leave(this);
    this.#on.done();
  }

  turn(): boolean {
    const [next] = this.#held;
    if (next === undefined || this.#over) return false;
    this.#send(next.subarray(0, MAX_CHUNK_BYTES));
    if (next.length > MAX_CHUNK_BYTES) {
      this.#held[0] = next.subarray(MAX_CHUNK_BYTES);
      return true;
    }
    this.#held.shift();
    if (this.#held.length > 0) return true;
    if (this.#ended) this.#finish();
    else this.#on.drained();
    // More may have come while it was told so.
    return this.#held.length > 0;
  }

  #begin(head: WireHead): void {
    this.#begun = true;
    this.#wire.send(encodeResponseHead(head));
  }

  #send(piece: Buffer): void {
    this.#wire.send(encodeResponseChunk(this.#id, piece, false));
  }

  #finish(): void {
    this.forget();
    this.#wire.send(encodeResponseChunk(this.#id, NOTHING, true));
  }
}
