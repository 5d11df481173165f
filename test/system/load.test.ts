import { describe, expect, it } from 'vitest';
import { runLoad } from '../../bench/load/run.ts';
import { SMOKE } from '../../bench/load/scale.ts';

describe('a relay under load', () => {
  // A third of that where the machine has nothing else to do.
  it('carries tunnels, idle streams and calls beside slow readers and attacks, and lets go of them all', {
    timeout: 90_000,
  }, async () => {
    const { checks } = await runLoad(SMOKE, () => {});
    expect(checks.length).toBeGreaterThan(40);
    // How long things take says nothing beside other tests.
    expect(checks.filter(({ met, timing }) => !met && !timing)).toEqual([]);
  });
});
