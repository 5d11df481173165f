import { describe, expect, it } from 'vitest';
import { HeadReader } from '../../src/http1/head-reader.ts';

const HEAD = 'GET / HTTP/1.1\r\nHost: a';

/** The heads in the pieces, one after the other. */
function headsIn(pieces: readonly string[], skipsLine = true): string[] {
  const reader = new HeadReader(1_000, skipsLine);
  const heads: string[] = [];
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1');
    for (let at = 0; at < bytes.length; at = reader.next) {
      const text = reader.read(bytes, at);
      if (text !== undefined) heads.push(text);
    }
  }
  return heads;
}

describe('an empty line in front of a request', () => {
  const wire = `\r\n${HEAD}\r\n\r\n`;

  it.each([
    ['in one piece', [wire]],
    ['by itself', ['\r\n', wire.slice(2)]],
    ['cut', ['\r', wire.slice(1)]],
    ['byte by byte', [...wire]],
  ])('is skipped: %s', (_how, pieces) => {
    expect(headsIn(pieces)).toEqual([HEAD]);
    expect(headsIn([...pieces, ...pieces])).toEqual([HEAD, HEAD]);
  });

  it('is skipped once', () => {
    expect(headsIn([`\r\n${wire}`])).toEqual([`\r\n${HEAD}`]);
    expect(headsIn(['\r\n', wire])).toEqual([`\r\n${HEAD}`]);
  });

  it('does not count as a head that has begun', () => {
    const reader = new HeadReader(1_000, true);
    reader.read(Buffer.from('\r\n'), 0);

    expect(reader.started).toBe(false);
  });

  it('is none in front of an answer', () => {
    expect(headsIn([wire], false)).toEqual([wire.slice(0, -4)]);
  });
});
