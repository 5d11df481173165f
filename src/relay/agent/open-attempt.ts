import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';

/** From the first SYN to the public URL. */
const OPEN_TIMEOUT_MS = 10_000;

/** A dial on its way to be a link. */
export interface OpenAttempt<Link> {
  readonly opened: Promise<Link>;
  /** Of no effect once it is settled. */
  fail(error: unknown): void;
  /** Resolves when the socket is gone. */
  released(): Promise<void>;
}

/**
 * Waits for the link, as long as one is patient.
 *
 * @throws {TunneldError} `TUNNEL_OPEN_TIMEOUT`; what the attempt failed with; the signal's reason when
 *   aborted. The socket is gone by then
 */
export async function openInTime<Link>(
  attempt: OpenAttempt<Link>,
  context: { readonly relayUrl: URL; readonly signal: AbortSignal; readonly clock: Clock },
): Promise<Link> {
  const { relayUrl, signal, clock } = context;
  const timer = clock.setTimer(() => {
    attempt.fail(
      new TunneldError('TUNNEL_OPEN_TIMEOUT', `The relay ${relayUrl.host} gave no public URL in time`),
    );
  }, OPEN_TIMEOUT_MS);
  const onAbort = () => attempt.fail(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await attempt.opened;
  } catch (error) {
    await attempt.released();
    throw error;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}
