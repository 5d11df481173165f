import type { Clock } from '../core/clock.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import { withDeadline } from './deadline.ts';

/** Asking whether we are online may itself hang when we are not. */
const ONLINE_TIMEOUT_MS = 5_000;

export interface OnlineCheckDeps {
  readonly clock: Clock;
  /** Whether anything but the tunnel can be reached. */
  online(): Promise<boolean>;
}

/** Whether this machine has the network that `publicUrl` needs. Never rejects; true where it cannot be known. */
export async function isOnlineFor(
  publicUrl: URL,
  deps: OnlineCheckDeps,
  signal: AbortSignal,
): Promise<boolean> {
  // A relay on this machine needs no network.
  if (isLoopbackHost(publicUrl.hostname)) return true;
  try {
    return await withDeadline(deps.clock, ONLINE_TIMEOUT_MS, signal, (deadline) =>
      Promise.race([deps.online(), rejection(deadline)]),
    );
  } catch {
    // Not knowing must not look like an outage: that would keep a dead session for ever.
    return true;
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
