import { MAX_FRAME_BYTES } from './frame.ts';

/** A batch of frames leaves when it is at least this long, or at the end of the loop turn. */
export const BATCH_BYTES = 65_536;
/** Free bytes in front of the batch, for the WebSocket header. A multiple of four, for the mask. */
export const SLAB_START = 16;
/** Any single frame still fits behind a batch that is not yet full. */
const SLAB_BYTES = SLAB_START + BATCH_BYTES + MAX_FRAME_BYTES + 64;
/** Slabs kept for reuse, by all links together. */
const POOL_LIMIT = 16;

const pool: Buffer[] = [];

/** Borrows a write buffer. A link holds one only while it has something to send. */
export function takeSlab(): Buffer {
  return pool.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
}

export function returnSlab(slab: Buffer): void {
  if (pool.length < POOL_LIMIT) pool.push(slab);
}
