import { describe, expect, it } from 'vitest';
import { sleep, systemClock } from '../../src/core/clock.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

describe('sleeping', () => {
  it('ends when the time is over, and not before', async () => {
    const clock = new FakeClock();
    let awake = false;
    const sleeping = sleep(clock, 100).then(() => (awake = true));
    await clock.advance(99);
    expect(awake).toBe(false);
    await clock.advance(1);
    await sleeping;
    expect(awake).toBe(true);
  });

  it('ends at once with the reason of the signal, and leaves no timer behind', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const sleeping = sleep(clock, 100, controller.signal);
    controller.abort('stopping');
    await expect(sleeping).rejects.toBe('stopping');
    await expect(sleep(clock, 100, controller.signal)).rejects.toBe('stopping');
    expect(clock.pending).toBe(0);
  });
});

describe('the system clock', () => {
  it('runs a timer once, unless it was cancelled', async () => {
    const ran: string[] = [];
    systemClock.setTimer(() => ran.push('cancelled'), 1).cancel();
    const start = systemClock.monotonic();
    await new Promise<void>((resolve) => {
      const keepAlive = setInterval(() => {}, 1_000);
      systemClock.setTimer(() => {
        ran.push('ran');
        clearInterval(keepAlive);
        resolve();
      }, 5);
    });
    expect(ran).toEqual(['ran']);
    expect(systemClock.monotonic()).toBeGreaterThan(start);
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
  });
});
