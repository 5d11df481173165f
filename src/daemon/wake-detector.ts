import type { Clock, Timer } from '../core/clock.ts';

/** How often the clocks are compared (milliseconds). */
const CHECK_MS = 15_000;

/** A check that comes this much later than due means that the machine slept, or the clock was set. */
const JUMP_FACTOR = 1.5;

/**
 * Calls `onWake` after the machine slept. Depending on the system, sleep shows as wall time that ran
 * ahead, or as a timer that came late: either counts.
 */
export function detectWake(clock: Clock, onWake: (lostMs: number) => void): { stop(): void } {
  let timer: Timer;
  const arm = () => {
    const wall = clock.now();
    const monotonic = clock.monotonic();
    timer = clock.setTimer(() => {
      const elapsedMs = Math.max(clock.now() - wall, clock.monotonic() - monotonic);
      arm();
      if (elapsedMs > CHECK_MS * JUMP_FACTOR) onWake(elapsedMs - CHECK_MS);
    }, CHECK_MS);
  };
  arm();
  return { stop: () => timer.cancel() };
}
