import { expect, it } from 'vitest';
import { detectWake } from '../../src/daemon/wake-detector.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

it('tells how much time was lost when the wall clock ran ahead, once, and goes on watching', async () => {
  const clock = new FakeClock();
  const lost: number[] = [];
  const detector = detectWake(clock, (ms) => lost.push(ms));
  await clock.advance(60_000);
  expect(lost).toEqual([]);
  clock.jump(3_600_000);
  await clock.advance(60_000);
  expect(lost).toEqual([3_600_000]);
  clock.jump(5_000);
  await clock.advance(60_000);
  expect(lost).toHaveLength(1);
  detector.stop();
  expect(clock.pending).toBe(0);
});

it('tells when the wall clock was set back, too', async () => {
  const clock = new FakeClock();
  const told: number[] = [];
  const detector = detectWake(clock, (ms) => told.push(ms));
  clock.jump(-3_600_000);
  await clock.advance(60_000);
  expect(told).toEqual([-3_600_000]);
  clock.jump(-500);
  await clock.advance(60_000);
  expect(told).toHaveLength(1);
  detector.stop();
});
