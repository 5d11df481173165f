import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Flow } from '../../src/core/exchange.ts';
import { ChunkedDecoder } from '../../src/http1/chunked-decoder.ts';
import { createBodyDecoder } from '../../src/http1/create-body-decoder.ts';
import { Http1Error } from '../../src/http1/http1-error.ts';
import { REFUSED_CHUNKS } from './corpus/bodies.ts';

/** Feeds pieces, waiting wherever the receiver asks to; returns the body and what was left over. */
function decode(pieces: readonly Buffer[], pauseEvery = 0) {
  const decoder = new ChunkedDecoder();
  const parts: Buffer[] = [];
  let rest = 0;
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length && !decoder.done) {
      at = decoder.read(piece, at, (part) => {
        parts.push(Buffer.from(part));
        return pauseEvery > 0 && parts.length % pauseEvery === 0 ? Flow.paused : Flow.consumed;
      });
    }
    rest += piece.length - at;
  }
  return { body: Buffer.concat(parts).toString('latin1'), done: decoder.done, rest };
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])];
  edges.sort((a, b) => a - b);
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end));
}

describe('the chunked decoder', () => {
  it.each(REFUSED_CHUNKS)('refuses %s', (_what, text) => {
    expect(() => decode([Buffer.from(text, 'latin1')])).toThrow(Http1Error);
  });

  it('reads extensions and trailers, and drops them', () => {
    const text = '3;a;b=c;d="e \\" f"\r\nabc\r\n2\r\nde\r\n0;last\r\nX-Sum: 1\r\nY:\r\n\r\nGET';

    expect(decode([Buffer.from(text)])).toEqual({ body: 'abcde', done: true, rest: 3 });
  });

  it('gives the same body however the bytes are split and the receiver pauses', () => {
    const chunk = fc.record({
      data: fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }),
      extension: fc.constantFrom('', ';a', ';a=b', ';a="b c"'),
    });
    const trailer = fc.constantFrom('', 'X: y\r\n', 'X:\r\nY: z\r\n');
    fc.assert(
      fc.property(
        fc.array(chunk, { maxLength: 8 }),
        trailer,
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.nat({ max: 3 }),
        (chunks, end, cuts, pauseEvery) => {
          const body = chunks.map(({ data }) => data).join('');
          const framed = chunks.map(
            ({ data, extension }) => `${data.length.toString(16)}${extension}\r\n${data}\r\n`,
          );
          const wire = Buffer.from(`${framed.join('')}0\r\n${end}\r\nNEXT`, 'latin1');

          expect(decode(split(wire, cuts), pauseEvery)).toEqual({ body, done: true, rest: 4 });
        },
      ),
    );
  });
});

describe('the decoder of a known length', () => {
  it('stops exactly at the end', () => {
    const decoder = createBodyDecoder({ kind: 'length', length: 5 });
    const parts: string[] = [];
    const receive = (part: Buffer) => {
      parts.push(part.toString());
      return Flow.consumed;
    };

    expect(decoder.read(Buffer.from('abc'), 0, receive)).toBe(3);
    expect(decoder.done).toBe(false);
    expect(decoder.read(Buffer.from('deNEXT'), 0, receive)).toBe(2);
    expect([decoder.done, parts]).toEqual([true, ['abc', 'de']]);
  });
});
