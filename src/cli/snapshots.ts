import { sleep } from '../core/clock.ts';
import type { TunnelStatus } from '../core/status.ts';
import type { DaemonClient } from './daemon-client.ts';
import type { CliIo } from './io.ts';

/** Without an event the list is read again this often: ages go on, and a lost event shows late, not never. */
const TICK_MS = 1_000;

/**
 * The list of tunnels now, after every event, and once a second. Ends only by `signal`, whose
 * reason it throws, or by the daemon going away.
 *
 * @throws {TunneldError} `DAEMON_UNREACHABLE`
 */
export async function* snapshots(
  client: DaemonClient,
  clock: CliIo['clock'],
  signal: AbortSignal,
): AsyncGenerator<readonly TunnelStatus[], never> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const events = client.events(either)[Symbol.asyncIterator]();
  let event = wakeUp(events);
  try {
    for (;;) {
      yield await client.list();
      const tick = new AbortController();
      const timer = sleep(clock, TICK_MS, AbortSignal.any([either, tick.signal])).then(() => 'tick' as const);
      timer.catch(() => {});
      try {
        if ((await Promise.race([event, timer])) === 'event') event = wakeUp(events);
      } finally {
        tick.abort();
      }
      signal.throwIfAborted();
    }
  } finally {
    stop.abort();
  }
}

/** Never settles when the stream ended or broke: the ticks find out what became of the daemon. */
function wakeUp(events: AsyncIterator<TunnelStatus>): Promise<'event'> {
  return new Promise((resolve) => {
    events.next().then(
      ({ done }) => done === true || resolve('event'),
      () => {},
    );
  });
}
