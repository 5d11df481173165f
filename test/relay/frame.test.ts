import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FRAME_HEADER_BYTES,
  FrameDecoder,
  FrameType,
  MAX_FRAME_BYTES,
  writeFrameHeader,
} from '../../src/relay/link/frame.ts';
import { LinkError } from '../../src/relay/link/link-error.ts';

interface Frame {
  readonly type: number;
  readonly id: number;
  readonly payload: Buffer;
  readonly end: boolean;
}

const arbitraryFrame = fc.record({
  type: fc.integer({ min: FrameType.hello, max: FrameType.goaway }),
  id: fc.integer({ min: 0, max: 0xffffffff }),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  end: fc.boolean(),
});

function encode({ type, id, payload, end }: Frame): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  payload.copy(bytes, writeFrameHeader(bytes, 0, id, payload.length, type, end));
  return bytes;
}

/** Collects frames, DATA pieces joined again. */
function collect() {
  const frames: Frame[] = [];
  let pieces: Buffer[] = [];
  let expected = 0;
  const decoder = new FrameDecoder({
    frame: (type, id, payload, end) => frames.push({ type, id, payload: Buffer.from(payload), end }),
    data: (id, piece, end) => {
      pieces.push(Buffer.from(piece));
      const payload = Buffer.concat(pieces);
      if (payload.length < expected && !end) return;
      pieces = [];
      frames.push({ type: FrameType.data, id, payload, end });
    },
  });
  return {
    frames,
    expect: (bytes: number) => {
      expected = bytes;
    },
    decoder,
  };
}

describe('the frame codec', () => {
  it('gives the same frames however the bytes are split', () => {
    fc.assert(
      fc.property(arbitraryFrame, arbitraryFrame, fc.array(fc.nat(), { maxLength: 12 }), (one, two, cuts) => {
        const first = encode(one);
        const bytes = Buffer.concat([first, encode(two)]);
        const { frames, decoder, expect: expectBytes } = collect();
        expectBytes(one.payload.length);
        const points = [...cuts.map((cut) => cut % (bytes.length + 1)), first.length].sort((a, b) => a - b);
        let at = 0;
        for (const point of [...points, bytes.length]) {
          if (at === first.length) expectBytes(two.payload.length);
          decoder.push(bytes.subarray(at, point));
          at = point;
        }
        expect(frames).toEqual([one, two]);
      }),
      { numRuns: 500 },
    );
  });

  it('skips a type it does not know, by its length', () => {
    const { frames, decoder } = collect();
    const unknown = { type: 100, id: 7, payload: Buffer.alloc(1_000, 9), end: true };
    const ping = { type: FrameType.ping, id: 0, payload: Buffer.alloc(0), end: false };
    for (const byte of Buffer.concat([encode(unknown), encode(ping)])) decoder.push(Buffer.from([byte]));
    expect(frames).toEqual([ping]);
  });

  it('refuses a frame beyond the longest one', () => {
    const { decoder } = collect();
    const header = Buffer.alloc(FRAME_HEADER_BYTES);
    writeFrameHeader(header, 0, 1, MAX_FRAME_BYTES + 1, FrameType.data, false);
    expect(() => decoder.push(header)).toThrow(LinkError);
  });
});
