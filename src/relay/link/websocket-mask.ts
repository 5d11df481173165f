import { randomFillSync } from 'node:crypto';

/**
 * XORs `bytes[start, end)` with a masking key in place (RFC 6455 §5.3), four bytes a step.
 *
 * @param key the four key bytes as a little-endian number
 * @param phase how many payload bytes came before `start`
 */
export function applyMask(bytes: Buffer, start: number, end: number, key: number, phase: number): void {
  if (key === 0) return;
  let at = start;
  let keyByte = phase & 3;
  // A word view needs an aligned address: byte by byte up to the next one.
  while (at < end && ((bytes.byteOffset + at) & 3) !== 0) {
    bytes[at] = (bytes[at] ?? 0) ^ ((key >>> (keyByte << 3)) & 0xff);
    keyByte = (keyByte + 1) & 3;
    at++;
  }
  const words = (end - at) >>> 2;
  if (words > 0) {
    const view = new Int32Array(bytes.buffer, bytes.byteOffset + at, words);
    // Rotated so that the word's first byte meets the key byte whose turn it is.
    const shift = keyByte << 3;
    const rotated = shift === 0 ? key | 0 : (key >>> shift) | (key << (32 - shift));
    for (let index = 0; index < words; index++) view[index] = (view[index] ?? 0) ^ rotated;
    at += words << 2;
  }
  while (at < end) {
    bytes[at] = (bytes[at] ?? 0) ^ ((key >>> (keyByte << 3)) & 0xff);
    keyByte = (keyByte + 1) & 3;
    at++;
  }
}

/** Keys are drawn in bulk: a call to the generator per frame would cost more than the masking. */
const masks = new Uint32Array(1_024);
let nextMaskAt = masks.length;

/** An unpredictable masking key (RFC 6455 §5.3). */
export function nextMask(): number {
  if (nextMaskAt === masks.length) {
    randomFillSync(masks);
    nextMaskAt = 0;
  }
  return masks[nextMaskAt++] ?? 0;
}
