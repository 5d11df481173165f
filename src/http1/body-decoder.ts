import { Flow, type Framing } from '../core/exchange.ts';
import { ChunkedDecoder } from './chunked-decoder.ts';

/**
 * Takes a body out of the bytes of a connection. Bytes may be split anywhere.
 *
 * `read` hands on what it can and returns the offset it got to: less than the chunk's length only
 * when the body is complete (`done`) or the receiver asked to wait (`flow` is `paused`).
 */
export interface BodyDecoder {
  readonly done: boolean;
  /** What the receiver said of the bytes of the last `read`; `consumed` allows reuse of the chunk. */
  readonly flow: Flow;
  /** @throws {Http1Error} broken framing; nothing may be read any more */
  read(chunk: Buffer, offset: number, receive: (part: Buffer) => Flow): number;
}

export function createBodyDecoder(framing: Framing, delimitedByClose = false): BodyDecoder {
  if (framing.kind === 'length') return new LengthDecoder(framing.length);
  if (framing.kind === 'none') return new LengthDecoder(0);
  return delimitedByClose ? new LengthDecoder(Number.POSITIVE_INFINITY) : new ChunkedDecoder();
}

/** A known number of bytes; without end for bodies that the end of the connection delimits. */
class LengthDecoder implements BodyDecoder {
  flow: Flow = Flow.consumed;
  #left: number;

  constructor(length: number) {
    this.#left = length;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  read(chunk: Buffer, offset: number, receive: (part: Buffer) => Flow): number {
    const end = Math.min(chunk.length, offset + this.#left);
    this.flow = Flow.consumed;
    if (end === offset) return offset;
    this.#left -= end - offset;
    this.flow = receive(offset === 0 && end === chunk.length ? chunk : chunk.subarray(offset, end));
    return end;
  }
}
