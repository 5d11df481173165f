import { setTimeout as delay } from 'node:timers/promises';
import type { Findings, Moment } from './findings.ts';
import type { World } from './world.ts';

/** Sockets that were ended a moment ago are still being closed (milliseconds). */
const SETTLE_MS = 1_500;

/** Looks at what relay and agents hold once they came to rest. */
export async function moment({ relay, agents }: World, found: Findings, when: string): Promise<Moment> {
  await delay(SETTLE_MS);
  const seen = { when, relay: await relay.sample(), agents: await agents.sample() };
  found.moments.push(seen);
  return seen;
}
