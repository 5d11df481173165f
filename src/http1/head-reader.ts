import { Http1Error } from './http1-error.ts';

/**
 * Finds the end of a head in the bytes of a connection. A head that arrives in one piece, as nearly
 * all do, is read in place; only pieces are copied, into one buffer of the allowed size.
 */
export class HeadReader {
  readonly #maxBytes: number;
  readonly #skipsLine: boolean;
  /** The empty line in front of this head was skipped. */
  #skipped = false;
  #pieces: Buffer | undefined;
  #length = 0;

  /**
   * @param maxBytes of the head with its final CRLFCRLF
   * @param skipsLine one empty line in front of a head counts for nothing, as a server should have it
   *   (RFC 9112 §2.2): old clients send one after a body
   */
  constructor(maxBytes: number, skipsLine = false) {
    this.#maxBytes = maxBytes;
    this.#skipsLine = skipsLine;
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
    let from = offset;
    if (this.#length === 0) {
      if (this.#maySkip(chunk, from)) {
        from += 2;
        this.#skipped = true;
        if (from === chunk.length) {
          this.next = from;
          return undefined;
        }
      }
      const end = chunk.indexOf(HEAD_END_BYTES, from);
      if (end >= 0) {
        if (end + 4 - from > this.#maxBytes) throw new Http1Error(431, 'head-too-large');
        this.next = end + 4;
        this.#skipped = false;
        return chunk.toString('latin1', from, end);
      }
    }
    return this.#readPiece(chunk, from);
  }

  #maySkip(bytes: Buffer, at: number): boolean {
    return this.#skipsLine && !this.#skipped && bytes[at] === CR && bytes[at + 1] === LF;
  }

  #readPiece(chunk: Buffer, offset: number): string | undefined {
    this.#pieces ??= Buffer.allocUnsafeSlow(this.#maxBytes);
    const before = this.#length;
    const copied = chunk.copy(this.#pieces, before, offset, offset + this.#maxBytes - before);
    this.#length += copied;
    const head = this.#pieces.subarray(0, this.#length);
    // The empty line may come in pieces too.
    const from = this.#maySkip(head, 0) ? 2 : 0;
    const end = head.indexOf(HEAD_END_BYTES, Math.max(from, before - 3));
    if (end >= 0) {
      this.next = offset + end + 4 - before;
      const text = head.toString('latin1', from, end);
      this.#pieces = undefined;
      this.#length = 0;
      this.#skipped = false;
      return text;
    }
    refuseHopeless(head, before);
    if (this.#length === this.#maxBytes) throw new Http1Error(431, 'head-too-large');
    this.next = offset + copied;
    return undefined;
  }
}

const CR = 0x0d;
const LF = 0x0a;
const HEAD_END_BYTES = Buffer.from('\r\n\r\n');

function refuseHopeless(head: Buffer, from: number): void {
  for (let i = from; i < head.length; i++) {
    const byte = head[i] as number;
    if (byte === 0x0a ? head[i - 1] !== 0x0d : byte < 0x20 && byte !== 0x0d && byte !== 0x09) {
      throw new Http1Error(400, byte === 0x0a ? 'bare-line-feed' : 'control-byte');
    }
  }
}
