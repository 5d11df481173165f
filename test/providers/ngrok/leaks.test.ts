import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ACCESS_TOKEN, NgrokHarness, pidOf } from '../../helpers/ngrok/harness.ts';
import { isAlive } from '../../helpers/tunneld.ts';
import { waitFor } from '../../helpers/wait-for.ts';

const CYCLES = 100;
const AT_ONCE = 5;

let harness: NgrokHarness;

beforeEach(async () => {
  harness = await NgrokHarness.start();
});

afterEach(() => harness[Symbol.asyncDispose]());

it('100 sessions later everything is as it was', async () => {
  const pids: number[] = [];
  const cycle = async (index: number) => {
    const provider = harness.provider({ domain: `cycle-${index % AT_ONCE}.example.com` });
    const session = await harness.open(provider, { name: `cycle-${index % AT_ONCE}` });
    pids.push(pidOf(session));
    const answer = await harness.visit(session.publicUrl, { authorization: `Bearer ${ACCESS_TOKEN}` });
    expect(answer.status).toBe(200);
    await session.close();
  };
  const cycles = async (count: number) => {
    for (let done = 0; done < count; done += AT_ONCE)
      await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => cycle(index)));
    await waitFor(() => harness.edge.connections === 0 && harness.edge.sessions === 0);
  };
  // Whatever is loaded or opened once is not a leak.
  await cycles(10);
  const before = census();
  const began = performance.now();
  await cycles(CYCLES);
  const took = performance.now() - began;
  const after = await waitFor(() => (census().handles <= before.handles ? census() : undefined));

  process.stdout.write(
    `    ${CYCLES} sessions in ${Math.round(took)} ms; handles ${before.handles} -> ${after.handles}, ` +
      `descriptors ${before.descriptors} -> ${after.descriptors}, heap ${before.heapMb} -> ${after.heapMb} MB\n`,
  );
  expect(pids).toHaveLength(CYCLES + 10);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(harness.edge).toMatchObject({ connections: 0, sessions: 0, streams: 0, online: [] });
  expect(harness.accounts.others(harness.authtoken, 'nobody')).toEqual([]);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2);
  expect(after.heapMb - before.heapMb).toBeLessThan(20);
}, 60_000);

function census() {
  globalThis.gc?.();
  return {
    handles: process.getActiveResourcesInfo().filter((kind) => /Wrap|Pipe|Process|Socket/.test(kind)).length,
    descriptors: readdirSync('/proc/self/fd').length,
    heapMb: Math.round(process.memoryUsage().heapUsed / 1_048_576),
  };
}
