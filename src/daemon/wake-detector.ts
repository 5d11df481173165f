import type { Clock, Timer } from '../core/clock.ts';

/** How often the clocks are compared (milliseconds). */
const CHECK_MS = 15_000;

/** A check that comes this much later than due means that the machine slept, or the clock was set. */
const JUMP_FACTOR = 1.5;

/** A wall clock that lost this much was set back: no correction in small steps does that (milliseconds). */
const SET_BACK_MS = 2_000;

/**
 * Calls `onWake` after the machine slept or its clock was set, either way. Depending on the system,
 * sleep shows as wall time that ran ahead, or as a timer that came late: either counts.
 *
 * @param onWake told by how much time ran ahead (milliseconds); negative when it was set back
 */
export function detectWake(clock: Clock, onWake: (aheadMs: number) => void): { stop(): void } {
  let timer: Timer;
  const arm = () => {
    const wall = clock.now();
    const monotonic = clock.monotonic();
    timer = clock.setTimer(() => {
      const wallMs = clock.now() - wall;
      const monotonicMs = clock.monotonic() - monotonic;
      arm();
      const elapsedMs = Math.max(wallMs, monotonicMs);
      if (elapsedMs > CHECK_MS * JUMP_FACTOR) onWake(elapsedMs - CHECK_MS);
      else if (wallMs - monotonicMs < -SET_BACK_MS) onWake(wallMs - monotonicMs);
    }, CHECK_MS);
  };
  arm();
  return { stop: () => timer.cancel() };
}
