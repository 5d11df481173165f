/** A whole number from 0 up to, but not including, `below`. */
export type Random = (below: number) => number;

/** A small seeded generator (mulberry32): the same seed repeats a run. */
export function seededRandom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)] as T;
}

/** Up to `most` of them, repeated as it comes. */
export function several<T>(random: Random, items: readonly T[], most: number): T[] {
  return Array.from({ length: random(most + 1) }, () => pick(random, items));
}

export function randomBytes(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: random(most + 1) }, () => random(256)));
}

/** The bytes as they might arrive, each piece a copy: readers may change what they are given. */
export function cut(random: Random, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const everyByte = random(8) === 0;
  for (let from = 0; from < bytes.length; ) {
    const to = everyByte ? from + 1 : Math.min(bytes.length, from + 1 + random(1 + bytes.length / 2));
    pieces.push(Buffer.from(bytes.subarray(from, to)));
    from = to;
  }
  return pieces;
}

/** A few edits of single bytes, `edits` at most. */
export function spoiled(random: Random, bytes: Buffer, edits: number): Buffer {
  let spoilt = Buffer.from(bytes);
  for (let i = random(edits + 1); i > 0 && spoilt.length > 0; i--) {
    const at = random(spoilt.length);
    const way = random(3);
    if (way === 0) spoilt[at] = random(256);
    else if (way === 1) spoilt = Buffer.concat([spoilt.subarray(0, at), spoilt.subarray(at + 1)]);
    else spoilt = Buffer.concat([spoilt.subarray(0, at), randomBytes(random, 3), spoilt.subarray(at)]);
  }
  return spoilt;
}
