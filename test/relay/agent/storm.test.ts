import { describe, expect, it } from 'vitest';
import { enterGate } from '../../../src/relay/agent/dial-gate.ts';
import { setPatientTimer } from '../../../src/relay/agent/patient-timer.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

const never = new AbortController().signal;

describe('dials to one relay', () => {
  it('are at most 16 at once, in the order they came', async () => {
    const relay = new URL('http://gate-1.test');
    const inside: number[] = [];
    const leaves: (() => void)[] = [];
    const all = Array.from({ length: 20 }, (_, index) =>
      enterGate(relay, never).then((leave) => {
        inside.push(index);
        leaves.push(leave);
      }),
    );
    await Promise.all(all.slice(0, 16));
    expect(inside).toHaveLength(16);
    // Those to another relay do not wait for them.
    (await enterGate(new URL('http://gate-2.test'), never))();
    for (let index = 0; index < 20; index++) {
      leaves[index]?.();
      leaves[index]?.();
      await Promise.resolve();
    }
    await Promise.all(all);
    expect(inside).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it('are not made when nobody wants them any more', async () => {
    const relay = new URL('http://gate-3.test');
    const leaves = await Promise.all(Array.from({ length: 16 }, () => enterGate(relay, never)));
    const abort = new AbortController();
    const waiting = enterGate(relay, abort.signal);
    const next = enterGate(relay, never);
    abort.abort(new Error('no longer wanted'));
    await expect(waiting).rejects.toThrow('no longer wanted');
    leaves[0]?.();
    (await next)();
    for (const leave of leaves) leave();
  });
});

describe('the time that a peer may take', () => {
  it('passes as the clock does', async () => {
    const clock = new FakeClock();
    let over = false;
    setPatientTimer(clock, () => (over = true), 3_000);
    await clock.advance(2_999);
    expect(over).toBe(false);
    await clock.advance(1);
    expect(over).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('does not pass while this process is too busy to listen', async () => {
    let now = 0;
    let fire: (() => void) | undefined;
    const clock = {
      now: () => now,
      monotonic: () => now,
      setTimer(callback: () => void) {
        fire = callback;
        return { cancel: () => (fire = undefined) };
      },
    };
    let over = false;
    setPatientTimer(clock, () => (over = true), 3_000);
    // The loop hangs for a minute, twice.
    for (let turn = 0; turn < 2; turn++) {
      now += 60_000;
      fire?.();
    }
    expect(over).toBe(false);
    for (let turn = 0; turn < 4; turn++) {
      now += 500;
      fire?.();
    }
    expect(over).toBe(true);
  });
});
