/** Follows the end of an event stream, to know when bytes may be put in without breaking an event. */
export class EventBoundary {
  /** The last four bytes; a stream that has not begun stands at a boundary. */
  #tail = LF_LF;

  see(chunk: Buffer): void {
    for (let i = Math.max(0, chunk.length - 4); i < chunk.length; i++) {
      this.#tail = ((this.#tail << 8) | (chunk[i] as number)) >>> 0;
    }
  }

  /** All bytes so far are complete events: their last line is empty, however lines end. */
  get reached(): boolean {
    const last = this.#tail & 0xff;
    const before = (this.#tail >>> 8) & 0xff;
    if (last === LF && before === CR) return isLineEnd((this.#tail >>> 16) & 0xff);
    return isLineEnd(last) && isLineEnd(before);
  }
}

/** A comment: clients skip it, everything on the way sees that the stream is alive. */
export const KEEP_ALIVE_COMMENT = Buffer.from(':\n\n');

function isLineEnd(byte: number): boolean {
  return byte === LF || byte === CR;
}

const LF = 0x0a;
const CR = 0x0d;
const LF_LF = 0x0a0a;
