/** Follows the end of an event stream, to know when bytes may be put in without breaking an event. */
export class EventBoundary {
  /** The last four bytes; a stream that has not begun stands at a boundary. */
  #tail = LF_LF;

  see(chunk: Buffer): void {
    for (let i = Math.max(0, chunk.length - 4); i < chunk.length; i++) {
      this.#tail = ((this.#tail << 8) | (chunk[i] as number)) >>> 0;
    }
  }

  /** All bytes so far are complete events. */
  get reached(): boolean {
    return (this.#tail & 0xffff) === LF_LF || this.#tail === CR_LF_CR_LF;
  }
}

/** A comment: clients skip it, everything on the way sees that the stream is alive. */
export const KEEP_ALIVE_COMMENT = Buffer.from(':\n\n');

const LF_LF = 0x0a0a;
const CR_LF_CR_LF = 0x0d0a0d0a;
