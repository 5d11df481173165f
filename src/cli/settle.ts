import { errorRow, TunneldError } from '../core/errors.ts';
import { isServing, stateWord, troubleOf } from '../core/readiness.ts';
import { type TunnelStatus, VERDICTS, type Verdict } from '../core/status.ts';
import type { DaemonClient } from './daemon-client.ts';
import type { CliIo } from './io.ts';
import { knowErrorsOf } from './provider-errors.ts';
import { printable } from './render/printable.ts';
import { snapshots } from './snapshots.ts';

/** What waiting for a tunnel came to. */
export interface Settled {
  /** `stuck`: more waiting would not help; `timeout`: it might have. */
  readonly outcome: 'serving' | 'stuck' | 'timeout';
  readonly status: TunnelStatus;
}

export interface Awaited {
  readonly name: string;
  /** Only a session newer than this counts: a restart must not take the old one for its success. */
  readonly afterGeneration?: number;
}

/** Verdicts that only the user can end. Seen this long (milliseconds), they end the wait. */
const STEADY_MS = 3_000;

/**
 * Waits until every named tunnel serves, or will not without the user doing something.
 *
 * @param timeoutMs for all of them together
 * @throws {TunneldError} `DAEMON_UNREACHABLE`, or `TUNNEL_NOT_FOUND` when one was removed meanwhile
 */
export async function settle(
  wanted: readonly Awaited[],
  timeoutMs: number,
  client: DaemonClient,
  io: CliIo,
): Promise<ReadonlyMap<string, Settled>> {
  const settled = new Map<string, Settled>();
  const watches = wanted.map((tunnel) => new Watch(tunnel));
  if (watches.length === 0) return settled;
  const timeout = new AbortController();
  const timer = io.clock.setTimer(() => timeout.abort(), timeoutMs);
  const progress = await io.progress(`Waiting for ${wanted.map(({ name }) => name).join(', ')}`);
  try {
    for await (const tunnels of snapshots(client, io.clock, timeout.signal)) {
      const pending = watches.filter(({ name }) => !settled.has(name));
      await knowErrorsOf(tunnels);
      for (const watch of pending) {
        const status = findTunnel(tunnels, watch.name);
        const outcome = watch.see(status, io.clock.monotonic());
        if (outcome !== undefined) settled.set(watch.name, { outcome, status });
      }
      if (settled.size === watches.length) break;
      progress.update(pendingText(pending));
    }
  } catch (error) {
    if (!timeout.signal.aborted) throw error;
    for (const { name, last } of watches) {
      if (!settled.has(name))
        settled.set(name, { outcome: 'timeout', status: last ?? (await client.status(name)) });
    }
  } finally {
    timer.cancel();
    progress.done();
  }
  return settled;
}

/** One tunnel being waited for. */
class Watch {
  readonly name: string;
  last: TunnelStatus | undefined;
  readonly #afterGeneration: number;
  #steady: { readonly verdict: Verdict; readonly sinceMs: number } | undefined;

  constructor({ name, afterGeneration }: Awaited) {
    this.name = name;
    this.#afterGeneration = afterGeneration ?? Number.NEGATIVE_INFINITY;
  }

  /** @returns what it came to, or undefined while waiting makes sense */
  see(status: TunnelStatus, nowMs: number): 'serving' | 'stuck' | undefined {
    this.last = status;
    if (status.state === 'failed' || status.desired === 'down') return 'stuck';
    const failed = errorRow(status.lastError?.code ?? '');
    if (status.state === 'backing-off' && failed?.needsSomebody) return 'stuck';
    const outdated = (status.session?.generation ?? Number.POSITIVE_INFINITY) <= this.#afterGeneration;
    if (status.state !== 'up' || outdated) {
      this.#steady = undefined;
      return undefined;
    }
    if (isServing(status)) return 'serving';
    const { verdict } = status.health;
    if (this.#steady?.verdict !== verdict) this.#steady = { verdict, sinceMs: nowMs };
    return VERDICTS[verdict].needsSomebody && nowMs - this.#steady.sinceMs >= STEADY_MS ? 'stuck' : undefined;
  }
}

function findTunnel(tunnels: readonly TunnelStatus[], name: string): TunnelStatus {
  const found = tunnels.find((tunnel) => tunnel.name === name);
  if (found !== undefined) return found;
  throw new TunneldError('TUNNEL_NOT_FOUND', `"${name}" was removed while waiting for it`);
}

function pendingText(pending: readonly Watch[]): string {
  const words = pending.map(
    ({ name, last }) => `${name}: ${last === undefined ? 'waiting' : (last.progress ?? stateWord(last))}`,
  );
  const [cause] = pending.flatMap(
    ({ last }) => (last === undefined ? undefined : troubleOf(last)?.why) ?? [],
  );
  return printable(cause === undefined ? words.join(', ') : `${words.join(', ')} (${cause})`);
}
