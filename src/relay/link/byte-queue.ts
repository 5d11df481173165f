/**
 * Blocks after the first are at least this long, so that a window of one-byte frames does not
 * become a window of objects. The first fits exactly: mostly it is the only one.
 */
const BLOCK_BYTES = 16_384;

/** Bytes that wait for a reader that paused. Copies what it is given; the window bounds its size. */
export class ByteQueue {
  #blocks: { bytes: Buffer; used: number }[] = [];

  get isEmpty(): boolean {
    return this.#blocks.length === 0;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    let taken = 0;
    const tail = this.#blocks.at(-1);
    if (tail !== undefined) {
      taken = chunk.copy(tail.bytes, tail.used);
      tail.used += taken;
    }
    if (taken === chunk.length) return;
    const rest = chunk.subarray(taken);
    const bytes = Buffer.allocUnsafeSlow(
      tail === undefined ? rest.length : Math.max(BLOCK_BYTES, rest.length),
    );
    rest.copy(bytes);
    this.#blocks.push({ bytes, used: rest.length });
  }

  /** The oldest bytes, now owned by the caller; undefined when empty. */
  shift(): Buffer | undefined {
    const block = this.#blocks.shift();
    return block?.bytes.subarray(0, block.used);
  }

  clear(): void {
    this.#blocks = [];
  }
}
