import type { Clock } from '../core/clock.ts';

class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
}

/** Runs `work` with a signal that aborts with `outer`, or with `DeadlinePassed` after `timeoutMs`. */
export async function withDeadline<T>(
  clock: Clock,
  timeoutMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort(outer.reason);
  outer.addEventListener('abort', onAbort, { once: true });
  const timer = clock.setTimer(() => controller.abort(new DeadlinePassed()), timeoutMs);
  try {
    return await work(controller.signal);
  } finally {
    timer.cancel();
    outer.removeEventListener('abort', onAbort);
  }
}
