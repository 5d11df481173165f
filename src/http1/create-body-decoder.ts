import { Flow, type Framing } from '../core/exchange.ts';
import type { BodyDecoder } from './body-decoder.ts';
import { ChunkedDecoder } from './chunked-decoder.ts';

/** @param delimitedByClose a body without a length lasts as long as its connection */
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
