import { describe, expect, it } from 'vitest';
import { Flow } from '../../src/core/exchange.ts';
import { FrameType } from '../../src/relay/link/frame.ts';
import { LinkError } from '../../src/relay/link/link-error.ts';
import { MAX_HEAD_BYTES, type MuxPeer, MuxStream, ResetCode } from '../../src/relay/link/mux-stream.ts';
import { MAX_GROWN_WINDOW_BYTES, WindowBudget } from '../../src/relay/link/window-budget.ts';

/** A link that writes down what its stream asks of it, and has room or none as the test says. */
class ScriptedLink implements MuxPeer {
  readonly log: string[] = [];
  readonly wire = {
    kept: false,
    congested: false,
    blocked: false,
    head: (type: number, id: number, text: string, body: Buffer | undefined, end: number, last: boolean) => {
      const name = type === FrameType.request ? 'REQ' : 'RES';
      const first = body?.toString('latin1', 0, end) ?? '';
      this.log.push(`${name} ${id} ${text}|${first}${last ? ' END' : ''}`);
    },
    frame: (_type: number, id: number, bytes: Buffer, start: number, end: number, last: boolean) => {
      this.log.push(`DATA ${id} ${bytes.toString('latin1', start, end)}${last ? ' END' : ''}`);
    },
  };
  readonly clock = { monotonic: () => this.now };
  readonly answers: boolean;
  readonly budget: WindowBudget | undefined;
  pieceBytes = 1_000_000;
  maxFrame = 1_000_000;
  round = 0;
  now = 0;
  heldBack = false;
  /** What it was asked for, in milliseconds. */
  readonly elapsed: number[] = [];
  /** Streams that wait for the wire. */
  waiting = 0;
  gone = 0;

  constructor(side: 'asks' | 'answers', budget?: WindowBudget) {
    this.answers = side === 'answers';
    this.budget = budget;
  }

  depart(): number {
    return 7;
  }

  waitForWire(): void {
    this.waiting++;
  }

  heldBackByCredit(elapsedMs: number): boolean {
    this.elapsed.push(elapsedMs);
    return this.heldBack;
  }

  sendWindow(id: number, credit: number): void {
    this.log.push(`WIN ${id} ${credit}`);
  }

  sendReset(id: number, code: number): void {
    this.log.push(`RST ${id} ${code}`);
  }

  forget(): void {
    this.gone++;
  }

  /** What was asked of it since the last call. */
  take(): string[] {
    return this.log.splice(0);
  }
}

const AHEAD_BYTES = 16_384;

interface Setup {
  readonly side?: 'asks' | 'answers';
  readonly credit?: number;
  readonly window?: number;
  readonly budget?: WindowBudget;
  readonly id?: number;
}

function setup({ side = 'asks', credit = 100, window = 100, budget, id = 3 }: Setup = {}) {
  const link = new ScriptedLink(side, budget);
  const stream = new MuxStream(link, id, credit, window);
  const heard: string[] = [];
  const answers: Flow[] = [];
  const next = () => answers.shift() ?? Flow.consumed;
  stream.receiver = {
    head: (text, first, end) => {
      heard.push(`head ${text}|${first.toString('latin1')}${end ? ' END' : ''}`);
      return next();
    },
    bytes: (chunk) => {
      heard.push(chunk.toString('latin1'));
      return next();
    },
    ended: () => heard.push('ended'),
    drained: () => heard.push('drained'),
    broken: (code, detail) => heard.push(`broken ${code}: ${detail}`),
  };
  return { link, stream, heard, answers };
}

const bytes = (text: string) => Buffer.from(text, 'latin1');

/** Payload of RES. */
function head(text: string, first = ''): Buffer {
  const payload = Buffer.alloc(2 + text.length + first.length);
  payload.writeUInt16LE(text.length, 0);
  payload.write(text + first, 2, 'latin1');
  return payload;
}

describe('what a stream sends', () => {
  it('puts a small exchange into one frame', () => {
    const { link, stream } = setup({ id: 0 });
    expect(stream.sendHead(FrameType.request, 'GET /', bytes('body'), true)).toBe(Flow.consumed);
    expect(link.take()).toEqual(['REQ 7 GET /|body END']);
    expect(stream.localEnded).toBe(true);
  });

  it('keeps what is beyond the credit until the peer grants more, and then tells its producer', () => {
    const { link, stream, heard } = setup({ credit: 5 });
    expect(stream.send(bytes('1234567'))).toBe(Flow.paused);
    expect(stream.send(bytes('89'))).toBe(Flow.paused);
    expect(stream.waits).toBe(true);
    expect(link.take()).toEqual(['DATA 3 12345']);
    stream.onWindow(3);
    expect([link.take(), heard]).toEqual([['DATA 3 67', 'DATA 3 8'], []]);
    stream.onWindow(1);
    expect([link.take(), heard]).toEqual([['DATA 3 9'], ['drained']]);
    expect(stream.waits).toBe(false);
  });

  it('sends the part of a first body that fits credit and frame with the head', () => {
    const { link, stream } = setup({ credit: 4 });
    link.maxFrame = 2 + 'GET /'.length + 3;
    expect(stream.sendHead(FrameType.request, 'GET /', bytes('123456'), true)).toBe(Flow.paused);
    expect(link.take()).toEqual(['REQ 3 GET /|123', 'DATA 3 4']);
    expect(stream.localEnded).toBe(true);
    stream.onWindow(9);
    expect(link.take()).toEqual(['DATA 3 56 END']);
  });

  it('cuts a body into the pieces of a long way', () => {
    const { link, stream } = setup();
    link.pieceBytes = 2;
    expect(stream.sendLast(bytes('12345'))).toBe(Flow.consumed);
    expect(link.take()).toEqual(['DATA 3 12', 'DATA 3 34', 'DATA 3 5 END']);
  });

  it('says END once, behind what waits, and sends nothing after it', () => {
    const { link, stream, heard } = setup({ credit: 1 });
    stream.send(bytes('12'));
    stream.end();
    stream.end();
    link.take();
    stream.onWindow(5);
    expect(link.take()).toEqual(['DATA 3 2 END']);
    expect(stream.send(bytes('3'))).toBe(Flow.consumed);
    expect(stream.sendLast(bytes('4'))).toBe(Flow.consumed);
    stream.end();
    expect([link.take(), heard]).toEqual([[], []]);
  });

  it('says END in a frame of its own when its bytes had left before', () => {
    const { link, stream } = setup();
    stream.send(bytes('1'));
    expect(stream.sendLast(Buffer.alloc(0))).toBe(Flow.consumed);
    expect(link.take()).toEqual(['DATA 3 1', 'DATA 3  END']);
  });

  it('passes those who wait with a little in each round, and waits behind them with more', () => {
    const { link, stream } = setup({ credit: 100_000 });
    link.wire.congested = true;
    expect(stream.send(Buffer.alloc(AHEAD_BYTES))).toBe(Flow.consumed);
    expect([link.take().length, link.waiting]).toEqual([1, 0]);
    expect(stream.send(bytes('x'))).toBe(Flow.paused);
    expect([link.take(), link.waiting]).toEqual([[], 1]);
    link.round++;
    stream.flush(32_768);
    expect(link.take()).toEqual(['DATA 3 x']);
  });

  it('passes nobody while the socket takes nothing', () => {
    const { link, stream } = setup();
    link.wire.congested = true;
    link.wire.blocked = true;
    expect(stream.send(bytes('x'))).toBe(Flow.paused);
    expect([link.take(), link.waiting]).toEqual([[], 1]);
  });

  it('does not pass those who wait because of new credit', () => {
    const { link, stream } = setup({ credit: 0 });
    stream.send(bytes('x'));
    link.wire.congested = true;
    stream.onWindow(10);
    expect([link.take(), link.waiting]).toEqual([[], 1]);
  });

  it('sends about as much as its turn allows, and lines up again', () => {
    const { link, stream } = setup({ credit: 0 });
    stream.send(bytes('12'));
    stream.send(bytes('34'));
    link.wire.congested = true;
    stream.onWindow(10);
    link.wire.congested = false;
    link.waiting = 0;
    stream.flush(2);
    expect([link.take(), link.waiting]).toEqual([['DATA 3 12'], 1]);
    stream.flush(2);
    expect(link.take()).toEqual(['DATA 3 34']);
  });

  it('lines up again in the middle of a chunk that is longer than its turn', () => {
    const { link, stream } = setup({ credit: 0 });
    link.pieceBytes = 2;
    stream.sendLast(bytes('12345'));
    link.wire.congested = true;
    stream.onWindow(10);
    link.wire.congested = false;
    link.waiting = 0;
    stream.flush(2);
    expect([link.take(), link.waiting]).toEqual([['DATA 3 12'], 1]);
    stream.flush(2);
    expect([link.take(), link.waiting]).toEqual([['DATA 3 34'], 2]);
    stream.flush(2);
    expect([link.take(), link.waiting]).toEqual([['DATA 3 5 END'], 2]);
  });

  it('leaves what the credit stops to the peer, not to the wire', () => {
    const { link, stream } = setup({ credit: 0 });
    stream.send(bytes('123'));
    link.waiting = 0;
    stream.onWindow(2);
    expect([link.take(), link.waiting]).toEqual([['DATA 3 12'], 0]);
  });

  it('lines up again with heads that the wire has no room for, and ends a request without a body', () => {
    const { link, stream } = setup({ id: 0 });
    link.wire.congested = true;
    link.wire.blocked = true;
    expect(stream.sendHead(FrameType.request, 'GET /', undefined, true)).toBe(Flow.paused);
    stream.flush(100);
    expect([link.take(), link.waiting]).toEqual([[], 2]);
    link.wire.congested = false;
    stream.flush(100);
    expect(link.take()).toEqual(['REQ 7 GET /|', 'DATA 7  END']);
  });

  it('takes no id while its request waits, and sends its heads before its body', () => {
    const { link, stream } = setup({ id: 0 });
    link.wire.congested = true;
    link.wire.blocked = true;
    expect(stream.sendHead(FrameType.request, 'POST /', bytes('a'), false)).toBe(Flow.paused);
    expect(stream.sendLast(bytes('b'))).toBe(Flow.paused);
    stream.flush(100);
    expect([link.take(), stream.id]).toEqual([[], 0]);
    link.wire.congested = false;
    stream.flush(100);
    expect(link.take()).toEqual(['REQ 7 POST /|', 'DATA 7 a', 'DATA 7 b END']);
  });

  it('says nothing to the peer of a request that never left', () => {
    const { link, stream } = setup({ id: 0 });
    stream.reset(ResetCode.cancelled);
    expect([link.take(), link.gone, stream.gone]).toEqual([[], 1, true]);
  });

  it('takes more credit than a number of the protocol can say for a broken peer', () => {
    const { stream } = setup({ credit: 0x7fff_ffff });
    expect(() => stream.onWindow(1)).toThrow(new LinkError('protocol', 'window overflow on stream 3'));
  });

  it('sends nothing once it is reset', () => {
    const { link, stream } = setup({ credit: 1 });
    stream.send(bytes('12'));
    stream.reset(ResetCode.cancelled);
    expect(link.take()).toEqual(['DATA 3 1', 'RST 3 1']);
    stream.onWindow(5);
    stream.flush(100);
    stream.end();
    expect(stream.sendHead(FrameType.response, 'R', undefined, true)).toBe(Flow.consumed);
    expect([link.take(), link.gone]).toEqual([[], 1]);
  });
});

describe('what a stream receives', () => {
  it('returns credit once half the window was read', () => {
    const { link, stream } = setup({ window: 10 });
    stream.onData(bytes('1234'), false);
    expect(link.take()).toEqual([]);
    stream.onData(bytes('5'), false);
    expect(link.take()).toEqual(['WIN 3 5']);
  });

  it('returns no credit for a body that is complete', () => {
    const { link, stream } = setup({ side: 'answers', window: 4 });
    stream.onData(bytes('1234'), true);
    expect(link.take()).toEqual([]);
  });

  it('lets the peer send what it granted, and nothing beyond', () => {
    const { stream } = setup({ window: 4 });
    stream.onData(bytes('12'), false);
    stream.onData(bytes('3456'), false);
    stream.hold();
    stream.onData(bytes('7890'), false);
    expect(() => stream.onData(bytes('!'), false)).toThrow(/^stream 3 sent beyond its window$/);
  });

  it('refuses bytes behind END', () => {
    const { stream } = setup({ side: 'answers' });
    stream.onData(bytes('1'), true);
    expect(() => stream.onData(bytes('2'), false)).toThrow(/^bytes after END on stream 3$/);
  });

  it('delivers nothing to a receiver that paused, grants nothing for it, and goes on where it stopped', () => {
    const { link, stream, heard, answers } = setup({ side: 'answers', window: 8 });
    answers.push(Flow.paused);
    stream.onData(bytes('1234'), false);
    stream.onData(bytes('56'), false);
    stream.onData(bytes('78'), true);
    expect([heard, link.take()]).toEqual([['1234'], []]);
    stream.resume();
    expect(heard).toEqual(['1234', '56', '78', 'ended']);
    stream.resume();
    expect(heard).toHaveLength(4);
  });

  it('pauses again in the middle of what waited', () => {
    const { stream, heard, answers } = setup({ side: 'answers', window: 100_000 });
    answers.push(Flow.paused, Flow.paused);
    stream.onData(bytes('1'), false);
    // More than one block of the queue.
    stream.onData(bytes('2'), false);
    stream.onData(Buffer.alloc(20_000, '3'), true);
    stream.resume();
    expect(heard).toEqual(['1', '2']);
    stream.resume();
    expect(heard.map((each) => each.length)).toEqual([1, 1, 20_000, 'ended'.length]);
  });

  it('counts bytes as read only when the receiver that paused on them resumes', () => {
    const { link, stream, answers } = setup({ window: 4 });
    answers.push(Flow.paused);
    stream.onData(bytes('12'), false);
    expect(link.take()).toEqual([]);
    stream.resume();
    expect(link.take()).toEqual(['WIN 3 2']);
  });

  it.each([
    ['consumed', Flow.consumed, false],
    ['retained', Flow.retained, true],
    ['paused', Flow.paused, true],
  ] as const)('tells the link whether its bytes are kept: %s', (_name, flow, kept) => {
    const body = setup();
    body.answers.push(flow);
    body.stream.onData(bytes('1'), false);
    const answer = setup();
    answer.answers.push(flow);
    answer.stream.onHead(head('R', '1'), false);
    expect([body.link.wire.kept, answer.link.wire.kept]).toEqual([kept, kept]);
  });

  it('counts bytes that a receiver paused on once, however often it pauses', () => {
    const { link, stream, answers } = setup({ window: 10 });
    answers.push(Flow.paused, Flow.paused);
    stream.onData(bytes('12345'), false);
    stream.resume();
    expect(link.take()).toEqual(['WIN 3 5']);
    stream.onData(bytes('67890'), false);
    stream.resume();
    expect(link.take()).toEqual(['WIN 3 5']);
  });

  it('grows its window by what all streams may grow, and gives that back at its end', () => {
    const budget = new WindowBudget(10);
    const { link, stream } = setup({ window: 10, budget });
    link.heldBack = true;
    stream.onData(bytes('12345'), false);
    expect([link.take(), budget.used]).toEqual([['WIN 3 15'], 10]);
    // Half of the grown window; the budget is used up.
    stream.onData(bytes('1234567890'), false);
    expect([link.take(), budget.used]).toEqual([['WIN 3 10'], 10]);
    stream.reset(ResetCode.cancelled);
    expect(budget.used).toBe(0);
  });

  it('asks each time about the time since the last credit', () => {
    const { link, stream } = setup({ window: 10, budget: new WindowBudget(100) });
    link.now = 30;
    stream.onData(bytes('12345'), false);
    link.now = 50;
    stream.onData(bytes('12345'), false);
    expect(link.elapsed).toEqual([30, 20]);
  });

  it('grows its window to a size that no way needs more than, and no further', () => {
    const budget = new WindowBudget(Number.POSITIVE_INFINITY);
    const half = MAX_GROWN_WINDOW_BYTES / 2;
    const { link, stream } = setup({ window: half, budget });
    link.heldBack = true;
    stream.onData(Buffer.alloc(half), false);
    expect(link.take()).toEqual([`WIN 3 ${half + half}`]);
    stream.onData(Buffer.alloc(half), false);
    expect([link.take(), budget.used]).toEqual([[`WIN 3 ${half}`], half]);
  });

  it('keeps its window while the peer is not held back by credit', () => {
    const budget = new WindowBudget(100);
    const { link, stream } = setup({ window: 10, budget });
    stream.onData(bytes('12345'), false);
    expect([link.take(), budget.used]).toEqual([['WIN 3 5'], 0]);
  });
});

describe('the end of a stream', () => {
  it('comes with the answer: what is left of the request is not wanted', () => {
    const { link, stream, heard } = setup({ credit: 1 });
    stream.send(bytes('12'));
    link.take();
    stream.onHead(head('R', 'all'), true);
    expect([heard, link.take(), link.gone]).toEqual([['head R|all END'], ['RST 3 0'], 1]);
  });

  it('needs no reset where both directions are complete', () => {
    const asking = setup();
    asking.stream.end();
    asking.stream.onHead(head('R'), false);
    asking.stream.onData(bytes('x'), true);
    expect([asking.link.take(), asking.link.gone]).toEqual([['DATA 3  END'], 1]);
    const answering = setup({ side: 'answers' });
    answering.stream.onData(Buffer.alloc(0), true);
    answering.stream.sendHead(FrameType.response, 'R', undefined, true);
    expect([answering.link.take(), answering.link.gone]).toEqual([['RES 3 R| END'], 1]);
  });

  it('is told to a peer that still sends its request', () => {
    const { link, stream } = setup({ side: 'answers' });
    stream.sendHead(FrameType.response, 'R', undefined, true);
    expect([link.take(), stream.gone]).toEqual([['RES 3 R| END', 'RST 3 0'], true]);
  });

  it('does not come with the end of the request on the side that answers', () => {
    const { link, stream, heard } = setup({ side: 'answers' });
    stream.onData(bytes('x'), true);
    expect([heard, link.gone, stream.remoteEnded]).toEqual([['x', 'ended'], 0, true]);
  });

  it.each([
    [ResetCode.refused, 'stream limit reached'],
    [ResetCode.cancelled, 'reset by the peer'],
    [ResetCode.noError, 'reset by the peer'],
  ])('is told to the receiver when the peer resets with %i', (code, detail) => {
    const { link, stream, heard } = setup();
    stream.onReset(code);
    expect([heard, link.gone, link.take()]).toEqual([[`broken ${code}: ${detail}`], 1, []]);
  });

  it('leaves an answer that is all here to a slow reader, whatever becomes of the rest', () => {
    const { link, stream, heard, answers } = setup({ credit: 1 });
    stream.send(bytes('12'));
    answers.push(Flow.paused);
    stream.onHead(head('R'), false);
    stream.onData(bytes('rest'), true);
    stream.onReset(ResetCode.noError);
    expect([stream.waits, stream.localEnded]).toEqual([false, true]);
    stream.onLinkLost('cable cut');
    link.take();
    stream.resume();
    expect(heard).toEqual(['head R|', 'rest', 'ended']);
    expect([link.take(), link.gone]).toEqual([[], 1]);
  });

  it('breaks an answer that its sender took back, also when all of it is here', () => {
    const { stream, heard, answers } = setup();
    answers.push(Flow.paused);
    stream.onData(bytes('1'), false);
    stream.onData(bytes('2'), true);
    stream.onReset(ResetCode.cancelled);
    stream.resume();
    expect([heard, stream.gone]).toEqual([['1', 'broken 1: reset by the peer'], true]);
  });

  it('takes no head that is longer than any may be', () => {
    const { stream } = setup();
    const tooLong = new LinkError('protocol', 'a head of impossible length');
    expect(() => stream.onHead(head('x'.repeat(MAX_HEAD_BYTES + 1)), true)).toThrow(tooLong);
    stream.onHead(head('x'.repeat(MAX_HEAD_BYTES)), true);
    expect(stream.remoteEnded).toBe(true);
  });

  it('drops an answer that is not all here when the link is lost', () => {
    const { stream, heard, answers } = setup();
    answers.push(Flow.paused);
    stream.onHead(head('R'), false);
    stream.onData(bytes('half'), false);
    stream.onLinkLost('cable cut');
    stream.resume();
    expect(heard).toEqual(['head R|', 'broken undefined: cable cut']);
  });
});
