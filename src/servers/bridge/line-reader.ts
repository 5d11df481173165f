/**
 * Cuts a stream of bytes into lines. A long line costs one copy of it, and one that is longer than
 * allowed is never kept.
 */
export class LineReader {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @param limit the longest line (bytes) */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * @param line called with each line that is complete, without its line break
   * @returns false when a line is too long; nothing may be pushed afterwards
   */
  push(chunk: Buffer, line: (text: string) => void): boolean {
    let from = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
      const end = at > from && chunk[at - 1] === CR ? at - 1 : at;
      if (this.#bytes + end - from > this.#limit) return false;
      if (at === from) this.#dropReturn();
      line(this.#take(chunk.subarray(from, end)));
      from = at + 1;
    }
    if (from < chunk.length) {
      this.#pieces.push(from === 0 ? chunk : chunk.subarray(from));
      this.#bytes += chunk.length - from;
    }
    return this.#bytes <= this.#limit;
  }

  /** What came after the last line break. */
  rest(): string {
    return this.#take(EMPTY);
  }

  /** The line break began in the chunk before. */
  #dropReturn(): void {
    const last = this.#pieces.at(-1);
    if (last?.at(-1) === CR) this.#pieces[this.#pieces.length - 1] = last.subarray(0, -1);
  }

  #take(last: Buffer): string {
    if (this.#pieces.length === 0) return last.toString('utf8');
    const whole = Buffer.concat([...this.#pieces, last]);
    this.#pieces = [];
    this.#bytes = 0;
    return whole.toString('utf8');
  }
}

const LF = 0x0a;
const CR = 0x0d;
const EMPTY = Buffer.alloc(0);
