import { describe, expect, it } from 'vitest';
import { Flow, type Peer } from '../../src/core/exchange.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { responseHead } from '../../src/http1/response-head.ts';
import { AgentExchange } from '../../src/relay/agent/agent-exchange.ts';
import { FrameType } from '../../src/relay/link/frame.ts';
import type { MuxStream } from '../../src/relay/link/mux-stream.ts';
import { WindowBudget } from '../../src/relay/link/window-budget.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { type MuxPair, muxPair } from './mux-pair.ts';

const WINDOW = 262_144;
const KIB = 1_024;

interface Way {
  readonly pair: MuxPair;
  readonly budget: WindowBudget;
  /** What the answering side serves, in order. */
  readonly served: MuxStream[];
  /** Lets so many milliseconds pass each way, over and over. */
  trips(count: number): Promise<void>;
}

/** Two sides and the time between them. Each request is answered with bytes without end. */
function longWay({ oneWayMs = 25, budgetBytes = 4_096 * KIB, endless = true, answers = true } = {}): Way {
  const clock = new FakeClock();
  const budget = new WindowBudget(budgetBytes);
  const served: MuxStream[] = [];
  const pair = muxPair({
    clock,
    window: WINDOW,
    maxFrame: 65_536,
    budget,
    onRequest: (stream, _head, first, end) => {
      served.push(stream);
      const go = () => {
        while (!stream.gone && stream.send(Buffer.alloc(65_536)) !== Flow.paused);
      };
      stream.receiver = { ...IDLE, drained: go };
      stream.onData(first, end);
      if (answers) stream.sendHead(FrameType.response, 'R', undefined, false);
      if (endless) go();
    },
  });
  pair.stall(true);
  return {
    pair,
    budget,
    served,
    async trips(count) {
      for (let trip = 0; trip < count; trip++) {
        await clock.advance(oneWayMs);
        pair.stall(false);
        pair.stall(true);
        // What this brought about enters the way.
        for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

const IDLE = {
  head: () => Flow.consumed,
  bytes: (_chunk: Buffer): Flow => Flow.consumed,
  ended: () => {},
  drained: () => {},
  broken: () => {},
};

/** Opens a stream whose reader takes everything, or holds on to everything it is given. */
function ask(
  pair: MuxPair,
  reader: 'quick' | 'slow',
): { readonly stream: MuxStream; readonly bytes: number } {
  const stream = pair.asker.open();
  if (stream === undefined) throw new Error('no stream');
  let bytes = 0;
  stream.receiver = {
    ...IDLE,
    bytes: (chunk) => {
      bytes += chunk.length;
      return reader === 'quick' ? Flow.consumed : Flow.paused;
    },
  };
  stream.sendHead(FrameType.request, 'Q', undefined, true);
  return {
    stream,
    get bytes() {
      return bytes;
    },
  };
}

describe('the window of a stream on a long way', () => {
  it('grows while its reader keeps up, and is given back at the end', async () => {
    const { pair, budget, trips } = longWay();
    const reading = ask(pair, 'quick');
    await trips(60);
    const before = reading.bytes;
    await trips(2);
    // In one round trip, where it started with a quarter of this.
    expect(reading.bytes - before).toBeGreaterThan(1_024 * KIB);
    expect(budget.used).toBeGreaterThan(768 * KIB);
    reading.stream.reset(1);
    expect(budget.used).toBe(0);
  });

  it('keeps its size for a reader that is slow', async () => {
    const { pair, budget, trips } = longWay();
    const reading = ask(pair, 'slow');
    for (let count = 0; count < 30; count++) {
      await trips(4);
      reading.stream.resume();
    }
    expect(reading.bytes).toBeGreaterThan(WINDOW);
    expect(budget.used).toBe(0);
  });

  it('keeps its size on one machine', async () => {
    const { pair, budget, trips } = longWay({ oneWayMs: 0.5 });
    ask(pair, 'quick');
    await trips(100);
    expect(budget.used).toBe(0);
  });

  it('grows no further than all streams together may', async () => {
    const { pair, budget, trips } = longWay({ budgetBytes: 600 * KIB });
    const readings = Array.from({ length: 4 }, () => ask(pair, 'quick'));
    await trips(80);
    expect(budget.used).toBeGreaterThan(0);
    expect(budget.used).toBeLessThanOrEqual(600 * KIB);
    expect(readings.every(({ bytes }) => bytes > WINDOW)).toBe(true);
  });
});

describe('streams that share a long way', () => {
  it('let what is small go before bodies that wait', async () => {
    const { pair, served, trips } = longWay({ endless: false });
    const readings = [ask(pair, 'quick'), ask(pair, 'quick'), ask(pair, 'quick')];
    await trips(2);
    const [body, event, other] = served;
    while (body?.send(Buffer.alloc(65_536)) !== Flow.paused);
    expect(pair.answerer.wire.congested).toBe(true);
    expect(event?.send(Buffer.alloc(300))).toBe(Flow.consumed);
    expect(other?.send(Buffer.alloc(65_536))).toBe(Flow.paused);
    await trips(1);
    expect(readings.map(({ bytes }) => bytes > 0)).toEqual([true, true, false]);
  });

  it('send in turn, whoever came first', async () => {
    const { pair, trips } = longWay({ budgetBytes: 0 });
    const readings = [ask(pair, 'quick'), ask(pair, 'quick'), ask(pair, 'quick')];
    await trips(2);
    const first = readings.map(({ bytes }) => bytes);
    await trips(4);
    const taken = readings.map(({ bytes }, index) => bytes - (first[index] ?? 0));
    expect(Math.min(...taken)).toBeGreaterThan(0.5 * Math.max(...taken));
  });

  it('cannot pass those who wait by sending in small pieces', async () => {
    const { pair, served, trips } = longWay({ endless: false });
    ask(pair, 'quick');
    ask(pair, 'quick');
    await trips(2);
    const [body, pieces] = served;
    if (body === undefined || pieces === undefined) throw new Error('not served');
    while (body.send(Buffer.alloc(65_536)) !== Flow.paused);
    expect(pair.answerer.wire.congested).toBe(true);
    let sent = 0;
    while (pieces.send(Buffer.alloc(500)) !== Flow.paused) sent += 500;
    expect(sent).toBeGreaterThan(10_000);
    expect(sent).toBeLessThan(20_000);
  });

  it('may have a small request go before a large one that came first', async () => {
    const { pair, served, trips } = longWay({ endless: false });
    const [upload, large, small] = [pair.asker.open(), pair.asker.open(), pair.asker.open()];
    upload?.sendHead(FrameType.request, 'Q', Buffer.alloc(200 * KIB), false);
    large?.sendHead(FrameType.request, 'Q', Buffer.alloc(40 * KIB), true);
    expect(pair.asker.wire.congested).toBe(true);
    expect(small?.sendHead(FrameType.request, 'Q', undefined, true)).toBe(Flow.consumed);
    await trips(8);
    expect(pair.ends.answerer).toBeUndefined();
    expect(served).toHaveLength(3);
  });

  it('carry no more interim answers than the way takes', async () => {
    const { pair, served, trips } = longWay({ endless: false, answers: false });
    const stream = pair.asker.open();
    let interim = 0;
    let text = '';
    if (stream !== undefined) {
      stream.receiver = {
        ...IDLE,
        head(head) {
          if (head.startsWith('HTTP/1.1 103')) interim += 1;
          else text = head;
          return Flow.consumed;
        },
      };
    }
    stream?.sendHead(FrameType.request, 'Q', undefined, true);
    await trips(2);
    if (served[0] === undefined) throw new Error('not served');
    const peer: Peer = { scheme: 'http', address: '-', host: '-', via: 'provider' };
    const exchange = new AgentExchange(served[0], parseRequestHead('GET / HTTP/1.1\r\nHost: x'), peer);
    const early = responseHead(103, ['Link', 'a'.repeat(4_000)], { kind: 'none' });
    for (let count = 0; count < 1_000; count++) exchange.respond(early);
    exchange.respond(responseHead(200, [], { kind: 'length', length: 0 }), undefined, true);
    await trips(8);
    expect(text).toMatch(/^HTTP\/1\.1 200/);
    expect(interim).toBeGreaterThan(0);
    expect(interim).toBeLessThan(100);
  });

  it('go on where the peer speaks but answers no PING', async () => {
    const { pair, served, trips } = longWay({ endless: false, oneWayMs: 1_000 });
    const { answerer } = pair;
    answerer.wire.receiver = {
      frame: (type, id, payload, end) => type === FrameType.ping || answerer.frame(type, id, payload, end),
      data: (id, piece, end) => answerer.data(id, piece, end),
    };
    const upload = pair.asker.open();
    upload?.sendHead(FrameType.request, 'Q', undefined, false);
    const other = ask(pair, 'quick');
    await trips(1);
    upload?.send(Buffer.alloc(200 * KIB));
    let taken = 0;
    if (served[0] === undefined) throw new Error('not served');
    served[0].receiver = {
      ...IDLE,
      bytes: (chunk) => {
        taken += chunk.length;
        return Flow.consumed;
      },
    };
    for (let second = 0; second < 20; second++) {
      served[1]?.send(Buffer.alloc(10));
      pair.asker.open()?.sendHead(FrameType.request, 'Q', undefined, true);
      await trips(1);
    }
    expect(other.bytes).toBeGreaterThan(0);
    expect(taken).toBe(200 * KIB);
  });
});
