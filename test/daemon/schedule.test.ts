import { expect, it, vi } from 'vitest';
import { hourly, scheduleRuns } from '../../src/daemon/schedule.ts';

it('runs every second when told so, and never again once stopped', async () => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 21) });
  try {
    let runs = 0;
    const schedule = scheduleRuns('* * * * * *', () => (runs += 1));
    await vi.advanceTimersByTimeAsync(5_500);
    expect(runs).toBeGreaterThanOrEqual(4);
    schedule.stop();
    const before = runs;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(runs).toBe(before);
  } finally {
    vi.useRealTimers();
  }
});

it('spreads the hourly run over the whole hour', () => {
  expect(hourly(() => 0)).toBe('0 0 * * * *');
  expect(hourly(() => 0.999)).toBe('59 59 * * * *');
});

it('runs on after the clock was set back, once it is told', async () => {
  const now = Date.UTC(2026, 10, 21, 12);
  vi.useFakeTimers({ now });
  try {
    let runs = 0;
    const schedule = scheduleRuns('* * * * * *', () => (runs += 1));
    await vi.advanceTimersByTimeAsync(3_500);
    expect(runs).toBeGreaterThanOrEqual(2);
    vi.setSystemTime(now - 3_600_000);
    schedule.rearm();
    const before = runs;
    await vi.advanceTimersByTimeAsync(5_500);
    expect(runs - before).toBeGreaterThanOrEqual(4);
    schedule.stop();
    schedule.rearm();
    const after = runs;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(runs).toBe(after);
  } finally {
    vi.useRealTimers();
  }
});
