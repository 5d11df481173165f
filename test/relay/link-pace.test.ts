import { describe, expect, it } from 'vitest';
import { LinkPace } from '../../src/relay/link/link-pace.ts';

interface Way {
  readonly rttMs: number;
  readonly mbit: number;
  /** Nothing moves during this part of each second (milliseconds). */
  readonly stallMs?: number;
  /** What the sender has for the link (bytes a millisecond); endless when absent. */
  readonly offered?: number;
  /** The sender's event loop turns only so often (milliseconds). */
  readonly hiccupMs?: number;
  /** Word of what arrived is late by up to this (milliseconds). */
  readonly jitterMs?: number;
  /** The same, always, once the link is in use. */
  readonly lateMs?: number;
}

interface Outcome {
  /** Of what the way can carry, once it has settled. */
  readonly used: number;
  /** How long bytes wait in front of the bottleneck (milliseconds), median and worst once settled. */
  readonly queueMs: number;
  readonly worstQueueMs: number;
}

const FRAME_BYTES = 16_384;
const SETTLED_MS = 2_000;
const END_MS = 12_000;

/** A sender that always has more, a bottleneck and its delay, in steps of a millisecond. */
function drive(
  pace: LinkPace,
  { rttMs, mbit, stallMs = 0, offered, hiccupMs = 1, jitterMs = 0, lateMs = 0 }: Way,
): Outcome {
  const bytesPerMs = mbit * 125;
  const wire: { bytes: number; mark: boolean }[] = [];
  const pongs: number[] = [];
  const queues: number[] = [];
  let queued = 0;
  let dice = 1;
  let sent = 0;
  let carried = 0;
  let allowed = 0;
  let markAt = pace.nextMark;
  const ping = (now: number) => {
    pace.mark(sent, now);
    markAt = pace.nextMark;
    wire.push({ bytes: 8, mark: true });
    sent += 8;
    queued += 8;
  };
  ping(0);
  for (let now = 0; now < END_MS; now++) {
    while (now % hiccupMs === 0 && pongs[0] !== undefined && pongs[0] <= now) {
      pongs.shift();
      pace.arrived(now);
      markAt = pace.nextMark;
    }
    if (now < 500) continue;
    allowed = offered === undefined ? Number.POSITIVE_INFINITY : allowed + offered;
    while (sent < pace.sendUntil && allowed >= FRAME_BYTES) {
      wire.push({ bytes: FRAME_BYTES, mark: false });
      sent += FRAME_BYTES;
      queued += FRAME_BYTES;
      allowed -= FRAME_BYTES;
      if (sent >= markAt) ping(now);
    }
    if (offered === undefined) pace.full(sent);
    const stalled = stallMs > 0 && now % 1_000 < stallMs;
    let budget = stalled ? 0 : bytesPerMs;
    while (budget > 0 && wire[0] !== undefined) {
      const part = Math.min(budget, wire[0].bytes);
      wire[0].bytes -= part;
      budget -= part;
      queued -= part;
      if (now >= SETTLED_MS) carried += part;
      if (wire[0].bytes > 0) break;
      if (wire.shift()?.mark) {
        dice = (dice * 48_271) % 0x7fffffff;
        pongs.push(
          Math.max(
            pongs.at(-1) ?? 0,
            now + rttMs + (dice / 0x7fffffff) * jitterMs + (now < 500 ? 0 : lateMs),
          ),
        );
      }
    }
    if (now >= SETTLED_MS) queues.push(queued / bytesPerMs);
  }
  const share = 1 - stallMs / 1_000;
  const sorted = queues.sort((a, b) => a - b);
  return {
    used: carried / ((END_MS - SETTLED_MS) * bytesPerMs * share),
    queueMs: sorted[sorted.length >> 1] ?? 0,
    worstQueueMs: sorted.at(-1) ?? 0,
  };
}

describe('how much is on the way to the peer', () => {
  it.each([10, 50, 150].flatMap((rttMs) => [5, 20, 100, 500].map((mbit) => ({ rttMs, mbit }))))(
    'fills $mbit Mbit/s at $rttMs ms and lets little wait',
    (way) => {
      const { used, queueMs } = drive(new LinkPace(0), way);
      expect(used).toBeGreaterThan(0.95);
      // A part of a round trip, what the event loops need, and a frame or two: 26 ms each at 5 Mbit/s.
      expect(queueMs).toBeLessThan(way.rttMs / 4 + 15 + (2 * FRAME_BYTES) / (way.mbit * 125));
    },
  );

  it.each([10, 50])('fills the way at %i ms also when its turns come late', (rttMs) => {
    const { used, queueMs } = drive(new LinkPace(0), { rttMs, mbit: 100, hiccupMs: 9 });
    expect(used).toBeGreaterThan(0.95);
    expect(queueMs).toBeLessThan(rttMs / 4 + 18);
  });

  it.each([10, 50])('does not starve at %i ms where answers are late by up to 60 ms more', (rttMs) => {
    const { used, queueMs } = drive(new LinkPace(0), { rttMs, mbit: 20, jitterMs: 60 });
    expect(used).toBeGreaterThan(0.85);
    expect(queueMs).toBeLessThan(rttMs / 4 + 60);
  });

  it('does not starve where answers are late whenever there is load', () => {
    const { used } = drive(new LinkPace(0), { rttMs: 50, mbit: 100, lateMs: 30 });
    expect(used).toBeGreaterThan(0.85);
  });

  it('fills what stalls leave of the way, and lets no more wait for it', () => {
    const { used, queueMs } = drive(new LinkPace(0), { rttMs: 50, mbit: 100, stallMs: 100 });
    expect(used).toBeGreaterThan(0.95);
    expect(queueMs).toBeLessThan(60);
  });

  it('is of no matter to who sends less than the way holds', () => {
    const { used, worstQueueMs } = drive(new LinkPace(0), { rttMs: 50, mbit: 20, offered: 1_000 });
    expect(used).toBeCloseTo(0.4, 2);
    expect(worstQueueMs).toBeLessThan(10);
  });

  it('is not limited where nothing answers', () => {
    const pace = new LinkPace(0);
    pace.mark(0, 0);
    expect(pace.waitingMs(8_000)).toBe(8_000);
    pace.giveUp();
    expect([pace.sendUntil, pace.waiting]).toEqual([Number.POSITIVE_INFINITY, 0]);
    pace.mark(100_000, 9_000);
    expect([pace.nextMark, pace.waiting]).toEqual([Number.POSITIVE_INFINITY, 0]);
  });

  it('never waits for an answer to nothing when the way becomes slow', () => {
    const pace = new LinkPace(0);
    let now = 0;
    let sent = 0;
    const send = (bytes: number) => {
      sent += bytes;
      pace.full(sent);
    };
    const trip = (bytes: number, tripMs: number) => {
      send(bytes);
      pace.mark(sent, now);
      // No other question is due for these.
      send(pace.nextMark - sent - 1);
      now += tripMs;
      pace.arrived(now);
      expect(pace.waiting).toBe(0);
      expect(pace.sendUntil).toBeGreaterThan(sent);
    };
    for (let count = 0; count < 40; count++) trip(4_000_000, 40);
    for (let count = 0; count < 10; count++) trip(50_000, 1_500);
  });

  it('remembers no endless row of questions', () => {
    const pace = new LinkPace(0);
    for (let count = 0; count < 10_000; count++) {
      pace.mark(count * 16_384, count);
      expect(pace.waiting).toBeLessThan(5_000);
    }
    expect(pace.sendUntil).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a way that becomes longer', () => {
  it('is noticed, and a queue of our own is not taken for one', () => {
    const pace = new LinkPace(0);
    let now = 0;
    const ping = (tripMs: number) => {
      pace.mark(0, now);
      now += tripMs;
      pace.arrived(now);
    };
    ping(20);
    for (let count = 0; count < 700; count++) ping(36);
    expect(pace.shortestTripMs).toBe(20);
    for (let count = 0; count < 200; count++) ping(150);
    expect(pace.shortestTripMs).toBe(150);
    ping(18);
    expect(pace.shortestTripMs).toBe(18);
  });
});
