import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseReader } from '../../src/health/sse-reader.ts';

const STREAM =
  'id: 0\nretry: 5\ndata: \n\n: keepalive\n\nevent: endpoint\r\ndata: /message?sessionId=1\r\n\r\ndata:{"a":\rdata: 1}\r\rdata\n\nevent: end\ndata: ü\n\n';
const EVENTS = [
  { event: 'endpoint', data: '/message?sessionId=1' },
  { event: 'message', data: '{"a":\n1}' },
  { event: 'end', data: 'ü' },
];

describe('SseReader', () => {
  it('skips priming events, comments and fields it does not need', () => {
    expect(new SseReader().push(STREAM)).toEqual(EVENTS);
  });

  it('sees the same events however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length)), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
        const reader = new SseReader();
        const events = places.slice(1).flatMap((end, index) => reader.push(STREAM.slice(places[index], end)));
        expect(events).toEqual(EVENTS);
      }),
    );
  });

  it('gives nothing for an event that is not complete', () => {
    expect(new SseReader().push('data: {"half"')).toEqual([]);
  });
});
