import type { Clock, Timer } from '../../core/clock.ts';

const SLICES = 6;
/** A timer that is later than this found the event loop busy (milliseconds). */
const LATE_MS = 50;

/**
 * A timer for how long a peer may take. Time in which this process was too busy to listen does not
 * count: a slice counts as one however late it ends, and after a late one the peer gets another, since
 * its answer may be here unread.
 */
export function setPatientTimer(clock: Clock, callback: () => void, delayMs: number): Timer {
  const sliceMs = delayMs / SLICES;
  let left = SLICES;
  let timer: Timer;
  const next = () => {
    const dueAt = clock.monotonic() + sliceMs;
    timer = clock.setTimer(() => {
      left -= 1;
      const late = clock.monotonic() - dueAt > LATE_MS;
      if (left > 0 || late) next();
      else callback();
    }, sliceMs);
  };
  next();
  return { cancel: () => timer.cancel() };
}
