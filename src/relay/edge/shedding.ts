import { type Clock, sleep } from '../../core/clock.ts';
import type { NameRegistry } from './name-registry.ts';

export interface ShedOptions {
  /** Told to the agents and to their logs. */
  readonly reason: string;
  /** At most so many agents in a second are asked: all of them dialling at once would be a flood. */
  readonly perSecond: number;
  /** Aborts when no more agents are to be asked. */
  readonly signal?: AbortSignal;
}

const TURN_MS = 100;

/**
 * Asks the agents of these names to dial again; each goes on serving until its next link is there.
 *
 * @returns how many were asked
 */
export async function shed(
  registry: NameRegistry,
  names: Iterable<string>,
  { reason, perSecond, signal }: ShedOptions,
  clock: Clock,
): Promise<number> {
  let asked = 0;
  let allowed = 0;
  for (const name of names) {
    while (allowed < 1) {
      if (asked > 0) await sleep(clock, Math.max(TURN_MS, 1_000 / perSecond), signal).catch(() => {});
      if (signal?.aborted) return asked;
      allowed += Math.max(1, (perSecond * TURN_MS) / 1_000);
    }
    const holder = registry.find(name);
    if (holder === undefined) continue;
    allowed -= 1;
    asked += 1;
    holder.link.goaway('draining', reason);
  }
  return asked;
}
