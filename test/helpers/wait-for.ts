import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** How long to wait at most (milliseconds). Long: a busy machine is no failure. */
  readonly timeoutMs?: number;
  /** What was waited for: the message of the failure. */
  readonly what?: string;
}

/**
 * Polls until `condition` gives something truthy, and returns that. For what real sockets and
 * processes do in their own time; where time is ours, use the fake clock.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 20_000, what = 'the condition' }: WaitOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let failure: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as NonNullable<T>;
      failure = undefined;
    } catch (cause) {
      failure = cause;
    }
    if (performance.now() >= deadline) {
      throw new Error(`${what} did not come true within ${timeoutMs} ms`, { cause: failure });
    }
    await delay(10);
  }
}

/**
 * Waits until a count is above zero and stands still: what flows between two buffers stops when both
 * are full, and nobody says so.
 */
export async function untilStill(read: () => number, options: WaitOptions = {}): Promise<void> {
  let before = -1;
  await waitFor(async () => {
    const same = before === read() && before > 0;
    before = read();
    await delay(STILL_MS);
    return same;
  }, options);
}

const STILL_MS = 200;
