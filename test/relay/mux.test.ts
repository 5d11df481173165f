import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Flow } from '../../src/core/exchange.ts';
import { FrameType } from '../../src/relay/link/frame.ts';
import { Heartbeat } from '../../src/relay/link/heartbeat.ts';
import { LinkError } from '../../src/relay/link/link-error.ts';
import { type MuxStream, ResetCode, type StreamReceiver } from '../../src/relay/link/mux-stream.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { type MuxPair, muxPair } from './mux-pair.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Reading {
  readonly parts: Buffer[];
  complete: boolean;
  brokenBy: string | undefined;
  onDrained: (() => void) | undefined;
}

/** Reads a stream, taking, keeping or pausing as the dice say. */
function read(stream: MuxStream, dice: () => number = () => 0): Reading {
  const reading: Reading = { parts: [], complete: false, brokenBy: undefined, onDrained: undefined };
  const take = (chunk: Buffer): Flow => {
    reading.parts.push(Buffer.from(chunk));
    const roll = dice();
    if (roll < 0.5) return Flow.consumed;
    if (roll < 0.7) return Flow.retained;
    setImmediate(() => stream.resume());
    return Flow.paused;
  };
  const receiver: StreamReceiver = {
    head: (_text, first, end) => {
      reading.complete = end;
      const flow = take(first);
      return flow;
    },
    bytes: take,
    ended: () => {
      reading.complete = true;
    },
    drained: () => reading.onDrained?.(),
    broken: (_code, detail) => {
      reading.brokenBy = detail;
    },
  };
  stream.receiver = receiver;
  return reading;
}

/** Sends a body in pieces, waiting whenever it is told to. */
function send(stream: MuxStream, reading: Reading, body: Buffer, piece: number, lastWithEnd: boolean): void {
  let at = 0;
  const go = () => {
    while (at < body.length) {
      const chunk = Buffer.from(body.subarray(at, at + piece));
      at += chunk.length;
      const last = at === body.length && lastWithEnd;
      if ((last ? stream.sendLast(chunk) : stream.send(chunk)) === Flow.paused) {
        if (last) return;
        reading.onDrained = go;
        return;
      }
    }
    stream.end();
  };
  go();
}

function bytesOf(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31 + seed * 7) & 0xff));
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const exchange = fc.record({
  request: fc.integer({ min: 0, max: 1_500 }),
  response: fc.integer({ min: 0, max: 1_500 }),
  piece: fc.integer({ min: 1, max: 900 }),
  lastWithEnd: fc.boolean(),
});

const one = Buffer.alloc(1);
const silent: StreamReceiver = {
  head: () => Flow.consumed,
  bytes: () => Flow.consumed,
  ended: () => {},
  drained: () => {},
  broken: () => {},
};

function bound(clock: FakeClock) {
  return { now: () => clock.now(), monotonic: () => clock.monotonic() };
}

describe('the multiplexer', () => {
  it('carries every byte both ways through small windows, whatever stalls', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(exchange, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 16, max: 300 }),
        fc.nat(),
        async (exchanges, window, maxFrame, seed) => {
          const dice = mulberry(seed);
          const received: Reading[] = [];
          const pair = muxPair({
            clock: new FakeClock(),
            window,
            maxFrame,
            onRequest: (stream, head, first, end) => {
              const index = Number(head);
              const reading = read(stream, dice);
              received[index] = reading;
              stream.onData(first, end);
              const plan = exchanges[index];
              // Answers once it has it all, so that nothing is an early answer.
              const poll = () => {
                if (!reading.complete) return void setImmediate(poll);
                stream.sendHead(FrameType.response, 'R', undefined, false);
                send(
                  stream,
                  reading,
                  bytesOf(plan?.response ?? 0, index + 100),
                  plan?.piece ?? 1,
                  plan?.lastWithEnd ?? false,
                );
              };
              poll();
            },
          });
          const answers = exchanges.map((plan, index) => {
            const stream = pair.asker.open();
            if (stream === undefined) throw new Error('no stream');
            const reading = read(stream, dice);
            const body = bytesOf(plan.request, index);
            stream.sendHead(FrameType.request, String(index), undefined, false);
            send(stream, reading, body, plan.piece, plan.lastWithEnd);
            return reading;
          });
          for (let turns = 0; turns < 20_000 && !answers.every((answer) => answer.complete); turns++) {
            if (dice() < 0.1) pair.stall(true);
            await turn();
            pair.stall(false);
          }
          expect(pair.ends).toEqual({});
          exchanges.forEach((plan, index) => {
            expect(Buffer.concat(received[index]?.parts ?? [])).toEqual(bytesOf(plan.request, index));
            expect(Buffer.concat(answers[index]?.parts ?? [])).toEqual(bytesOf(plan.response, index + 100));
          });
          await turn();
          expect([pair.asker.active, pair.answerer.active]).toEqual([0, 0]);
          pair.asker.close('closing', 'done');
        },
      ),
      { numRuns: 30 },
    );
  }, 60_000);

  it('stalls only the stream whose reader is slow', async () => {
    const streams: MuxStream[] = [];
    const { asker, ends } = muxPair({
      clock: new FakeClock(),
      window: 262_144,
      maxFrame: 65_536,
      onRequest: (stream, _head, first, end) => {
        streams.push(stream);
        read(stream);
        stream.onData(first, end);
        const reading = read(stream);
        stream.sendHead(FrameType.response, 'R', undefined, false);
        send(stream, reading, Buffer.alloc(2_000_000, 'x'), 60_000, false);
      },
    });
    const slow = asker.open();
    const fast = asker.open();
    if (slow === undefined || fast === undefined) throw new Error('no stream');
    let taken = 0;
    slow.receiver = {
      ...silent,
      bytes: (chunk) => {
        taken += chunk.length;
        return Flow.paused;
      },
    };
    const reading = read(fast);
    slow.sendHead(FrameType.request, '0', undefined, true);
    fast.sendHead(FrameType.request, '1', undefined, true);
    await waitFor(() => reading.complete, { what: 'the fast answer' });
    expect(Buffer.concat(reading.parts)).toHaveLength(2_000_000);
    expect(taken).toBeLessThanOrEqual(65_536);
    expect(ends).toEqual({});
  });

  it('returns credit for what the reader drained, not for what it was given', async () => {
    const sending: MuxStream[] = [];
    let drained = 0;
    const { asker } = muxPair({
      clock: new FakeClock(),
      window: 100,
      maxFrame: 65_536,
      onRequest: (stream, _head, first, end) => {
        stream.onData(first, end);
        stream.receiver = { ...silent, drained: () => void drained++ };
        stream.sendHead(FrameType.response, 'R', undefined, false);
        sending.push(stream);
      },
    });
    const stream = asker.open();
    if (stream === undefined) throw new Error('no stream');
    let taken = 0;
    stream.receiver = {
      ...silent,
      bytes: (chunk) => {
        taken += chunk.length;
        return Flow.paused;
      },
    };
    stream.sendHead(FrameType.request, 'x', undefined, true);
    await waitFor(() => sending.length === 1);
    expect(sending[0]?.send(Buffer.alloc(100))).toBe(Flow.consumed);
    expect(sending[0]?.send(Buffer.alloc(50))).toBe(Flow.paused);
    await waitFor(() => taken === 100);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(drained).toBe(0);
    stream.resume();
    await waitFor(() => drained === 1);
  });

  it('closes the link on a stream that sends beyond its window', async () => {
    const { asker, ends } = muxPair({
      clock: new FakeClock(),
      window: 100,
      maxFrame: 65_536,
      onRequest: () => {},
    });
    const stream = asker.open();
    stream?.sendHead(FrameType.request, 'GET', undefined, false);
    asker.wire.frame(FrameType.data, 1, Buffer.alloc(101), 0, 101, false);
    await waitFor(() => ends.answerer);
    expect(ends.answerer).toMatchObject({ reason: 'protocol', message: 'stream 1 sent beyond its window' });
  });

  it.each([
    [
      'a stream id used before',
      (pair: MuxPair) => pair.asker.wire.head(FrameType.request, 1, 'x', undefined, 0, true),
    ],
    [
      'bytes on a stream that was never opened',
      (pair: MuxPair) => pair.asker.wire.frame(FrameType.data, 9, one, 0, 1, false),
    ],
    ['bytes after END', (pair: MuxPair) => pair.asker.wire.frame(FrameType.data, 1, one, 0, 1, false)],
    ['a second HELLO', (pair: MuxPair) => pair.asker.wire.frame(FrameType.hello, 0, one, 0, 1, false)],
    [
      'a WIN without a number',
      (pair: MuxPair) => pair.asker.wire.frame(FrameType.window, 1, one, 0, 1, false),
    ],
    [
      'a response from the side that asks',
      (pair: MuxPair) => pair.asker.wire.head(FrameType.response, 1, 'x', undefined, 0, true),
    ],
    [
      'a head longer than its frame',
      (pair: MuxPair) => pair.asker.wire.frame(FrameType.request, 2, Buffer.from([9, 9, 1]), 0, 3, true),
    ],
  ] as const)('closes the link on %s', async (_what, misbehave) => {
    const pair = muxPair({
      clock: new FakeClock(),
      window: 1_000,
      maxFrame: 65_536,
      onRequest: (stream, _h, first, end) => stream.onData(first, end),
    });
    pair.asker.open()?.sendHead(FrameType.request, 'x', undefined, true);
    misbehave(pair);
    await waitFor(() => pair.ends.answerer);
    expect(pair.ends.answerer?.reason).toBe('protocol');
  });

  it('refuses streams beyond the limit and opens more once one ended', async () => {
    const open: MuxStream[] = [];
    const { asker } = muxPair({
      clock: new FakeClock(),
      window: 1_000,
      maxFrame: 65_536,
      maxStreams: 2,
      onRequest: (stream, _head, first, end) => {
        stream.onData(first, end);
        open.push(stream);
      },
    });
    const first = asker.open();
    asker.open();
    expect(asker.open()).toBeUndefined();
    const reading = first && read(first);
    first?.sendHead(FrameType.request, 'x', undefined, true);
    await waitFor(() => open.length === 1);
    open[0]?.sendHead(FrameType.response, 'R', undefined, true);
    await waitFor(() => reading?.complete);
    expect(asker.open()).toBeDefined();
  });

  it('closes the link of a peer that opens streams without end and reads no refusal', async () => {
    const { asker, answerer, ends } = muxPair({
      clock: new FakeClock(),
      window: 1_000,
      maxFrame: 65_536,
      answererStreams: 0,
      onRequest: () => {},
    });
    Object.defineProperty(answerer.wire, 'overfull', { value: true });
    asker.open()?.sendHead(FrameType.request, 'x', undefined, true);
    await waitFor(() => ends.answerer);
    expect(ends.answerer?.message).toBe('the peer asks and does not read');
  });

  it('resets a stream the other side has no room for, as refused', async () => {
    const { asker, answerer } = muxPair({
      clock: new FakeClock(),
      window: 1_000,
      maxFrame: 65_536,
      answererStreams: 1,
      onRequest: (stream, _head, first, end) => stream.onData(first, end),
    });
    const codes: (number | undefined)[] = [];
    for (const receiver of [
      silent,
      { ...silent, broken: (code: number | undefined) => void codes.push(code) },
    ]) {
      const stream = asker.open();
      if (stream === undefined) throw new Error('no stream');
      stream.receiver = receiver;
      stream.sendHead(FrameType.request, 'x', undefined, true);
    }
    await waitFor(() => codes.length > 0);
    expect(codes).toEqual([ResetCode.refused]);
    expect(answerer.active).toBe(1);
  });

  it('ends both sides of a stream that is answered before its request is complete', async () => {
    const { asker, answerer, ends } = muxPair({
      clock: new FakeClock(),
      window: 1_000,
      maxFrame: 65_536,
      onRequest: (stream) => stream.sendHead(FrameType.response, 'early', undefined, true),
    });
    const stream = asker.open();
    if (stream === undefined) throw new Error('no stream');
    const reading = read(stream);
    stream.sendHead(FrameType.request, 'x', undefined, false);
    // More than the window: the rest waits for a credit that never comes.
    stream.send(Buffer.alloc(5_000));
    await waitFor(() => reading.complete);
    await turn();
    await turn();
    expect([asker.active, answerer.active, ends]).toEqual([0, 0, {}]);
    expect(stream.send(Buffer.alloc(10))).toBe(Flow.consumed);
  });

  it('fails every stream at once when the link is lost, but keeps an answer that is all here', async () => {
    const { asker } = muxPair({
      clock: new FakeClock(),
      window: 1_000,
      maxFrame: 65_536,
      onRequest: (stream, head) => {
        if (head === 'whole') stream.sendHead(FrameType.response, 'R', undefined, false);
        if (head === 'whole') stream.sendLast(Buffer.from('rest'));
      },
    });
    const waiting = asker.open();
    const whole = asker.open();
    if (waiting === undefined || whole === undefined) throw new Error('no stream');
    const broken = read(waiting);
    waiting.sendHead(FrameType.request, 'x', undefined, true);
    const parts: string[] = [];
    let complete = false;
    whole.receiver = {
      ...silent,
      head: () => Flow.paused,
      bytes: (chunk) => {
        parts.push(chunk.toString());
        return Flow.consumed;
      },
      ended: () => {
        complete = true;
      },
    };
    whole.sendHead(FrameType.request, 'whole', undefined, true);
    await waitFor(() => whole.remoteEnded);
    asker.wire.destroy(new LinkError('closing', 'cable cut'));
    expect(broken.brokenBy).toBe('cable cut');
    whole.resume();
    expect([parts, complete]).toEqual([['rest'], true]);
  });

  it('finds a peer that went silent within 20 s, and keeps one that answers', async () => {
    const clock = new FakeClock();
    const pair = muxPair({ clock, window: 1_000, maxFrame: 65_536, onRequest: () => {} });
    const stream = pair.asker.open();
    const reading = stream && read(stream);
    stream?.sendHead(FrameType.request, 'x', undefined, true);
    for (let seconds = 0; seconds < 120; seconds++) {
      await clock.advance(1_000);
      await turn();
    }
    expect(pair.ends).toEqual({});
    pair.stall(true);
    await clock.advance(14_000);
    expect(pair.ends.asker).toBeUndefined();
    await clock.advance(5_000);
    expect(pair.ends.asker?.message).toMatch(/silent for 1\d{4} ms/);
    expect(reading?.brokenBy).toMatch(/silent/);
  });

  it('asks again before it gives up when it was asleep itself', async () => {
    const clock = new FakeClock();
    const late: (() => void)[] = [];
    // Timers that only fire when the test lets them: the process was stopped meanwhile.
    const sleepy = { ...bound(clock), setTimer: (run: () => void) => ({ cancel() {}, run: late.push(run) }) };
    const dead: string[] = [];
    let pings = 0;
    const heartbeat = new Heartbeat({
      clock: sleepy,
      spoke: () => true,
      stalledMs: () => 0,
      ping: () => pings++,
      dead: (why) => dead.push(why),
    });
    await clock.advance(60_000);
    late.shift()?.();
    expect([dead, pings]).toEqual([[], 1]);
    await clock.advance(5_000);
    late.shift()?.();
    expect(dead).toEqual(['the peer was silent for 15000 ms']);
    heartbeat.stop();
  });
});
