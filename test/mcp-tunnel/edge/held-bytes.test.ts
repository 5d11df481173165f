import { describe, expect, it } from 'vitest';
import { type BodySink, type Exchange, Flow, type ResponseHead } from '../../../src/core/exchange.ts';
import { parseRequestHead } from '../../../src/http1/request-head.ts';
import { responseHead } from '../../../src/http1/response-head.ts';
import { AgentVisit } from '../../../src/mcp-tunnel/edge/agent-visit.ts';
import { PacedAnswer } from '../../../src/mcp-tunnel/edge/paced-answer.ts';
import { ByteBudget } from '../../../src/mcp-tunnel/wire/byte-budget.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

const HEAD = responseHead(200, [], { kind: 'stream' });

/** A visitor who reads when the test says so. */
class FakeVisitor implements Exchange {
  readonly request = parseRequestHead('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked');
  readonly peer = { address: '192.0.2.1', scheme: 'https', host: 'a', via: 'provider' } as const;
  onDrain: (() => void) | undefined;
  onClose: ((reason: string) => void) | undefined;
  sink: BodySink | undefined;
  reads = false;
  status = 0;
  taken = '';
  ended = false;

  readBody(sink: BodySink): void {
    this.sink = sink;
  }

  resumeBody(): void {}

  respond(head: ResponseHead, first?: Buffer, last?: boolean): Flow {
    this.status = head.status;
    if (first !== undefined) this.write(first);
    if (last) this.end();
    return this.reads ? Flow.consumed : Flow.paused;
  }

  write(chunk: Buffer): Flow {
    this.taken += chunk.toString();
    return this.reads ? Flow.consumed : Flow.paused;
  }

  end(): void {
    this.ended = true;
  }

  abort(): void {}
}

/** How many bytes can still be held. */
function left(budget: ByteBudget, most = 1_000_000): number {
  for (let bytes = most; bytes > 0; bytes--) {
    if (!budget.take(bytes)) continue;
    budget.give(bytes);
    return bytes;
  }
  return 0;
}

describe('an answer that comes faster than it is read', () => {
  const start = (limit = 8, total = 10) => {
    const visitor = new FakeVisitor();
    const budget = new ByteBudget(total);
    const answer = new PacedAnswer(visitor, budget, limit, new FakeClock());
    answer.head(HEAD);
    return { visitor, budget, answer };
  };

  it('waits up to its limit, and gives the room back as it is read', () => {
    const { visitor, budget, answer } = start();
    expect(answer.write(Buffer.from('12345678'))).toBe(true);
    expect(left(budget, 10)).toBe(2);
    expect(answer.write(Buffer.from('9'))).toBe(false);
    visitor.reads = true;
    visitor.onDrain?.();
    expect([visitor.taken, left(budget, 10)]).toEqual(['12345678', 10]);
  });

  it('has no more room than all of them together', () => {
    const { budget, answer } = start();
    budget.take(5);
    expect(answer.write(Buffer.from('123456'))).toBe(false);
    expect(answer.write(Buffer.from('12345'))).toBe(true);
  });

  it('waits here and not in the socket, also when it comes in one huge piece', () => {
    const visitor = new FakeVisitor();
    visitor.reads = true;
    const answer = new PacedAnswer(visitor, new ByteBudget(1_000_000), 1_000_000, new FakeClock());
    answer.head(HEAD);
    visitor.reads = false;
    expect(answer.write(Buffer.alloc(1_000_000))).toBe(true);
    expect(visitor.taken.length).toBe(65_536);
    expect(answer.write(Buffer.alloc(65_537))).toBe(false);
  });

  it('ends when it was read to its end', () => {
    const { visitor, answer } = start();
    answer.write(Buffer.from('12'));
    answer.end();
    expect(visitor.ended).toBe(false);
    visitor.reads = true;
    visitor.onDrain?.();
    expect([visitor.taken, visitor.ended]).toEqual(['12', true]);
  });

  it('gives its room back when nobody reads it any more', () => {
    const { budget, answer } = start();
    answer.write(Buffer.from('12345678'));
    answer.drop();
    expect(left(budget, 10)).toBe(10);
  });

  it('is not begun when it is in one piece for which there is no room', () => {
    const visitor = new FakeVisitor();
    const answer = new PacedAnswer(visitor, new ByteBudget(70_000), 8, new FakeClock());
    expect(answer.whole(HEAD, Buffer.alloc(70_001))).toBe(false);
    expect(visitor.status).toBe(0);
    expect(answer.whole(HEAD, Buffer.alloc(70_000))).toBe(true);
    visitor.reads = true;
    visitor.onDrain?.();
    expect([visitor.taken.length, visitor.ended]).toEqual([70_000, true]);
  });
});

describe('a request that is held until it is whole', () => {
  const start = (total: number) => {
    const visitor = new FakeVisitor();
    visitor.reads = true;
    const budget = new ByteBudget(total);
    const asked: Buffer[] = [];
    const visit = new AgentVisit(visitor, '/', {
      pathPrefix: '',
      clock: new FakeClock(),
      limits: { streams: 1, requestBodyBytes: 100, answerBodyBytes: 100_000, answerQueueBytes: 100 },
      budget,
      ask: ({ body }) => void asked.push(body ?? Buffer.alloc(0)),
      cancel: () => {},
      done: () => {},
    });
    visit.start();
    return { visitor, budget, asked, visit };
  };

  it('gives its room back when it is sent', () => {
    const { visitor, budget, asked } = start(10);
    visitor.sink?.data(Buffer.from('12345678'));
    expect(left(budget, 10)).toBe(2);
    visitor.sink?.end();
    expect([String(asked[0]), left(budget, 10)]).toEqual(['12345678', 10]);
  });

  it('is refused with 503 when there is no room, and gives back what it had', () => {
    const { visitor, budget, asked } = start(10);
    visitor.sink?.data(Buffer.from('12345678'));
    visitor.sink?.data(Buffer.from('345'));
    expect([visitor.status, asked.length, left(budget, 10)]).toEqual([503, 0, 10]);
  });

  it('is answered with 503 when its answer is in one piece for which there is no room', () => {
    const { visitor, budget, visit } = start(69_999);
    visitor.sink?.end();
    const headers = new Map<string, string>();
    visit.take({ kind: 'response', id: visit.id, status: 200, headers, body: Buffer.alloc(70_000) });
    expect([visitor.status, left(budget, 69_999)]).toEqual([503, 69_999]);
  });

  it('gives its room back when its visitor goes', () => {
    const { visitor, budget } = start(10);
    visitor.sink?.data(Buffer.from('12345678'));
    visitor.onClose?.('caller-gone');
    expect(left(budget, 10)).toBe(10);
  });
});
