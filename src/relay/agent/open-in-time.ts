import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { withResolvers } from '../../core/with-resolvers.ts';
import { enterGate } from './dial-gate.ts';
import { setPatientTimer } from './patient-timer.ts';

/** From the first SYN to the public URL. */
const OPEN_TIMEOUT_MS = 10_000;

/** How a dial ends: once, as a link or in failure. */
export interface OpenOutcome<Link> {
  readonly settled: boolean;
  /** Of no effect once it is settled, as `fail`. */
  succeed(link: Link): void;
  fail(error: unknown): void;
}

/**
 * Dials and waits for the link, as long as one is patient.
 *
 * @throws {TunneldError} `TUNNEL_OPEN_TIMEOUT`; what the dial failed with; the signal's reason when
 *   aborted. The socket is gone by then
 */
export async function openInTime<Link>(
  {
    relayUrl,
    signal,
    clock,
  }: { readonly relayUrl: URL; readonly signal: AbortSignal; readonly clock: Clock },
  dial: (outcome: OpenOutcome<Link>) => Socket,
): Promise<Link> {
  signal.throwIfAborted();
  const leave = await enterGate(relayUrl, signal);
  const { promise, resolve, reject } = withResolvers<Link>();
  let socket: Socket | undefined;
  const outcome = {
    settled: false,
    succeed(link: Link) {
      if (outcome.settled) return;
      outcome.settled = true;
      resolve(link);
    },
    fail(error: unknown) {
      if (outcome.settled) return;
      outcome.settled = true;
      reject(error);
      socket?.destroy();
    },
  };
  const late = `The relay ${relayUrl.host} gave no public URL in time`;
  const timer = setPatientTimer(
    clock,
    () => outcome.fail(new TunneldError('TUNNEL_OPEN_TIMEOUT', late)),
    OPEN_TIMEOUT_MS,
  );
  const onAbort = () => outcome.fail(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    socket = dial(outcome);
    return await promise;
  } catch (error) {
    if (socket !== undefined) await released(socket);
    throw error;
  } finally {
    leave();
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

function released(socket: Socket): Promise<void> {
  socket.destroy();
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}
