import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffDelayMs, DEFAULT_BACKOFF } from '../../src/daemon/backoff.ts';

it('waits at most a quarter of a second first, and never longer than a minute', () => {
  fc.assert(
    fc.property(fc.nat(5_000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const delay = backoffDelayMs(attempt, DEFAULT_BACKOFF, () => random);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(attempt === 0 ? 250 : 60_000);
    }),
  );
});

it('spreads the delays over the whole range, so that daemons do not come back in step', () => {
  expect(backoffDelayMs(3, DEFAULT_BACKOFF, () => 0)).toBe(0);
  expect(backoffDelayMs(3, DEFAULT_BACKOFF, () => 0.5)).toBe(1_000);
});
