import type { StatusEvent } from '../control/api.ts';
import { sleep } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import type { TunnelStatus } from '../core/status.ts';
import type { DaemonClient } from './daemon-client.ts';
import type { CliIo } from './io.ts';

/** Without an event the same list comes again this often (milliseconds): ages go on. */
const TICK_MS = 1_000;

/** Before a stream that ended is opened again (milliseconds). */
const RECONNECT_MS = 250;

type Snapshot = readonly TunnelStatus[];

/**
 * The list of tunnels now, after every event, and once a second, all from one stream of events: the
 * daemon is asked nothing else. A stream that ends is opened again, and begins with the list as it is
 * then. Ends only by `signal`, whose reason it throws, or by the daemon going away.
 *
 * @throws {TunneldError} `DAEMON_UNREACHABLE`, `DAEMON_SILENT`
 */
export async function* snapshots(
  client: DaemonClient,
  clock: CliIo['clock'],
  signal: AbortSignal,
): AsyncGenerator<Snapshot, never> {
  for (;;) {
    yield* oneStream(client, clock, signal);
    await sleep(clock, RECONNECT_MS, signal);
  }
}

/** Returns when the stream ended after it had begun; what keeps it from beginning is thrown. */
async function* oneStream(
  client: DaemonClient,
  clock: CliIo['clock'],
  signal: AbortSignal,
): AsyncGenerator<Snapshot, void> {
  const stop = new AbortController();
  const events = client.events(AbortSignal.any([signal, stop.signal]))[Symbol.asyncIterator]();
  const tunnels = new Map<string, TunnelStatus>();
  let begun = false;
  try {
    let next = nextOf(events);
    for (;;) {
      const result = begun ? await within(TICK_MS, next, clock) : await next;
      signal.throwIfAborted();
      if (result !== 'tick') {
        if (result.done === true) return;
        apply(result.value, tunnels);
        begun = true;
        next = nextOf(events);
      }
      yield [...tunnels.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    }
  } catch (error) {
    signal.throwIfAborted();
    // A connection that broke: whether the daemon is gone shows when the stream is opened again.
    if (!begun || !isBroken(error)) throw error;
  } finally {
    stop.abort();
  }
}

/** Failures are met when it is awaited, and are none of the process's before that. */
function nextOf(events: AsyncIterator<StatusEvent>): Promise<IteratorResult<StatusEvent>> {
  const next = events.next();
  next.catch(() => {});
  return next;
}

function apply(event: StatusEvent, tunnels: Map<string, TunnelStatus>): void {
  if ('tunnels' in event) {
    tunnels.clear();
    for (const status of event.tunnels) tunnels.set(status.name, status);
  } else if ('removed' in event) tunnels.delete(event.removed);
  else if ('changed' in event) tunnels.set(event.changed.name, event.changed);
}

/** What `wanted` comes to, or `tick` when it takes longer. */
async function within<T>(ms: number, wanted: Promise<T>, clock: CliIo['clock']): Promise<T | 'tick'> {
  const done = new AbortController();
  const tick = sleep(clock, ms, done.signal).then(() => 'tick' as const);
  tick.catch(() => {});
  try {
    return await Promise.race([wanted, tick]);
  } finally {
    done.abort();
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof TunneldError && error.code === 'DAEMON_UNREACHABLE';
}
