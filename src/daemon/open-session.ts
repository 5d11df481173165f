import type { Clock, Timer } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { OpenRequest, TunnelProvider, TunnelSession } from '../providers/provider.ts';

/** A provider that gave neither a URL nor a sign of progress for this long is not going to. */
export const OPEN_DEADLINE_MS = 60_000;

/** A session that does not close (Docker is gone, the peer is silent) counts as closed after this. */
export const CLOSE_DEADLINE_MS = 10_000;

export type OpenOutcome =
  | { readonly kind: 'opened'; readonly session: TunnelSession }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** `signal` aborted; whatever the attempt made is released, or given up after the deadline. */
  | { readonly kind: 'aborted' };

export interface OpenDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The user asked for it here and now. */
  readonly insists?: boolean;
  /** Told what a slow step is about. */
  readonly onProgress?: (step: string) => void;
}

/**
 * One attempt to open a session, bounded in time. Never rejects.
 *
 * A provider that ignores the abort is waited for `CLOSE_DEADLINE_MS` and then left behind; a session
 * it still delivers is closed the moment it appears, so none outlives the attempt unseen.
 */
export async function openSession(
  provider: TunnelProvider,
  request: OpenRequest,
  { clock, log, signal, insists = false, onProgress }: OpenDeps,
): Promise<OpenOutcome> {
  if (signal.aborted) return { kind: 'aborted' };
  const attempt = new AbortController();
  const timers: Timer[] = [];
  const onAbort = () => attempt.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const deadline = () => clock.setTimer(() => attempt.abort(openTimeout(provider.kind)), OPEN_DEADLINE_MS);
  let untilDeadline = deadline();
  const progress = (step: string) => {
    // An image may take minutes to arrive; what matters is that it does.
    untilDeadline.cancel();
    if (!attempt.signal.aborted) untilDeadline = deadline();
    onProgress?.(step);
  };
  const abandoned = new Promise<undefined>((resolve) => {
    const leaveBehind = () => timers.push(clock.setTimer(() => resolve(undefined), CLOSE_DEADLINE_MS));
    attempt.signal.addEventListener('abort', leaveBehind, { once: true });
  });

  const opened: Promise<OpenOutcome> = call(() =>
    provider.open(request, { signal: attempt.signal, log, insists, progress }),
  ).then(
    (session) => ({ kind: 'opened', session }),
    (error: unknown) => ({ kind: 'failed', error }),
  );
  try {
    const outcome = await Promise.race([opened, abandoned]);
    if (outcome !== undefined && !attempt.signal.aborted) return outcome;
    if (outcome === undefined) void opened.then((late) => discard(late, clock, log));
    else await discard(outcome, clock, log);
    return signal.aborted ? { kind: 'aborted' } : { kind: 'failed', error: attempt.signal.reason };
  } finally {
    untilDeadline.cancel();
    for (const timer of timers) timer.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

/** Closes a session, or gives up after the deadline. Never rejects. */
export async function closeSession(session: TunnelSession, clock: Clock, log: Logger): Promise<void> {
  let deadlinePassed = () => {};
  const timeout = new Promise<void>((resolve) => {
    deadlinePassed = resolve;
  });
  const timer = clock.setTimer(() => {
    log.warn({ afterMs: CLOSE_DEADLINE_MS }, 'session did not close in time; counted as closed');
    deadlinePassed();
  }, CLOSE_DEADLINE_MS);
  const closed = call(() => session.close()).catch((error: unknown) => {
    log.warn({ err: error }, 'session did not close cleanly; counted as closed');
  });
  await Promise.race([closed, timeout]);
  timer.cancel();
}

async function discard(outcome: OpenOutcome, clock: Clock, log: Logger): Promise<void> {
  if (outcome.kind === 'opened') await closeSession(outcome.session, clock, log);
}

/** A provider that throws before it returns its promise is treated like one that rejects. */
async function call<T>(run: () => Promise<T>): Promise<T> {
  return await run();
}

function openTimeout(kind: string): TunneldError {
  return new TunneldError(
    'TUNNEL_OPEN_TIMEOUT',
    `The provider "${kind}" gave no public URL within ${OPEN_DEADLINE_MS / 1000} s.`,
  );
}
