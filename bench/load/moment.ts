import { setTimeout as delay } from 'node:timers/promises';
import { rssBytes } from '../child.ts';
import type { Findings, Moment } from './findings.ts';
import type { World } from './world.ts';

/** Looks at what relay and agents hold once they came to rest. */
export async function moment(
  { relay, agents, settleMs }: World,
  found: Findings,
  when: string,
): Promise<Moment> {
  await delay(settleMs);
  const seen = { when, relay: await relay.sample(), agents: await agents.sample() };
  found.moments.push(seen);
  return seen;
}

/** Allocators give memory back in their own time. */
const GIVE_BACK_MS = 20_000;

/** Waits until the memory of both is back below a limit, or until it has had its time. */
export async function memoryBack({ relay, agents }: World, below: { relay: number; agents: number }) {
  const deadline = performance.now() + GIVE_BACK_MS;
  while (performance.now() < deadline) {
    await Promise.all([relay.sample(), agents.sample()]);
    if ((await rssBytes(relay.pid)) <= below.relay && (await rssBytes(agents.pid)) <= below.agents) return;
    await delay(1_000);
  }
}

/** A name whose agent said goodbye waits two seconds for the next one. */
const NAMES_REST_MS = 5_000;

/** Waits until the relay holds no more timers than it did, or until it has had its time. */
export async function timersGone({ relay }: World, most: number): Promise<void> {
  const deadline = performance.now() + NAMES_REST_MS;
  while (performance.now() < deadline) {
    if ((await relay.sample()).timers <= most) return;
    await delay(200);
  }
}
