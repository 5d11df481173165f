import { Http1Error } from './http1-error.ts';

/**
 * Finds the end of a head in the bytes of a connection. A head that arrives in one piece, as nearly
 * all do, is read in place; only pieces are copied, into one buffer of the allowed size.
 */
export class HeadReader {
  readonly #maxBytes: number;
  #pieces: Buffer | undefined;
  #length = 0;

  /** @param maxBytes of the head with its final CRLFCRLF */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of an unfinished head have arrived. */
  get started(): boolean {
    return this.#length > 0;
  }

  /** Where the bytes after the head start in the chunk last given to `read`. */
  next = 0;

  /**
   * @returns the head without its CRLFCRLF, or undefined when it is not complete yet
   * @throws {Http1Error} 431; 400 for bytes no head has, so that nobody waits for an end that never comes
   */
  read(chunk: Buffer, offset: number): string | undefined {
    if (this.#length === 0) {
      const end = chunk.indexOf(HEAD_END_BYTES, offset);
      if (end >= 0) {
        if (end + 4 - offset > this.#maxBytes) throw new Http1Error(431, 'head-too-large');
        this.next = end + 4;
        return chunk.toString('latin1', offset, end);
      }
    }
    return this.#readPiece(chunk, offset);
  }

  #readPiece(chunk: Buffer, offset: number): string | undefined {
    this.#pieces ??= Buffer.allocUnsafeSlow(this.#maxBytes);
    const before = this.#length;
    const copied = chunk.copy(this.#pieces, before, offset, offset + this.#maxBytes - before);
    this.#length += copied;
    const head = this.#pieces.subarray(0, this.#length);
    const end = head.indexOf(HEAD_END_BYTES, Math.max(0, before - 3));
    if (end >= 0) {
      this.next = offset + end + 4 - before;
      const text = head.toString('latin1', 0, end);
      this.#pieces = undefined;
      this.#length = 0;
      return text;
    }
    refuseHopeless(head, before);
    if (this.#length === this.#maxBytes) throw new Http1Error(431, 'head-too-large');
    this.next = offset + copied;
    return undefined;
  }
}

const HEAD_END_BYTES = Buffer.from('\r\n\r\n');

function refuseHopeless(head: Buffer, from: number): void {
  for (let i = from; i < head.length; i++) {
    const byte = head[i] as number;
    if (byte === 0x0a ? head[i - 1] !== 0x0d : byte < 0x20 && byte !== 0x0d && byte !== 0x09) {
      throw new Http1Error(400, byte === 0x0a ? 'bare-line-feed' : 'control-byte');
    }
  }
}
