import { expect, it } from 'vitest';
import { RateLimiter } from '../../../src/relay/edge/rate-limiter.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

/** How many of `asked` are let through at once. */
function passes(limiter: RateLimiter, key: string, asked: number): number {
  let passed = 0;
  for (let count = 0; count < asked; count++) if (limiter.take(key) === 0) passed++;
  return passed;
}

it('lets a burst of twice the rate through, then the rate', async () => {
  const clock = new FakeClock();
  const limiter = new RateLimiter(10, clock);
  expect(passes(limiter, 'a', 100)).toBe(20);
  await clock.advance(1_000);
  expect(passes(limiter, 'a', 100)).toBe(10);
});

it('saves up no more than a burst, however long a key was idle', async () => {
  const clock = new FakeClock();
  const limiter = new RateLimiter(10, clock);
  passes(limiter, 'a', 1);
  await clock.advance(3_600_000);
  expect(passes(limiter, 'a', 100)).toBe(20);
});

it('counts each key by itself, and takes nothing for what it refuses', async () => {
  const clock = new FakeClock();
  const limiter = new RateLimiter(1, clock);
  expect(passes(limiter, 'a', 50)).toBe(2);
  expect(passes(limiter, 'b', 50)).toBe(2);
  await clock.advance(1_000);
  expect(passes(limiter, 'a', 1)).toBe(1);
});

it('says after how many whole seconds there is another', async () => {
  const clock = new FakeClock();
  const limiter = new RateLimiter(0.25, clock);
  expect(limiter.take('a')).toBe(0);
  expect(limiter.take('a')).toBe(4);
  await clock.advance(2_500);
  expect(limiter.take('a')).toBe(2);
  await clock.advance(1_500);
  expect(limiter.take('a')).toBe(0);
});

it('is no limit at 0', () => {
  expect(passes(new RateLimiter(0, new FakeClock()), 'a', 10_000)).toBe(10_000);
});

it('forgets the key that asked longest ago when there are more than 50,000', () => {
  const limiter = new RateLimiter(1, new FakeClock());
  passes(limiter, 'early', 2);
  passes(limiter, 'spent', 2);
  for (let key = 0; key < 49_998; key++) limiter.take(`stranger ${key}`);
  expect(limiter.size).toBe(50_000);
  expect(limiter.take('spent')).toBeGreaterThan(0);
  limiter.take('one more');
  expect(limiter.size).toBe(50_000);
  // It starts anew, which is what forgetting means.
  expect(limiter.take('early')).toBe(0);
  expect(limiter.take('spent')).toBeGreaterThan(0);
});
