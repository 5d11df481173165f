import { describe, expect, it } from 'vitest';
import { runLoad } from '../../bench/load/run.ts';
import { SMOKE } from '../../bench/load/scale.ts';

describe('a relay under load', () => {
  it('carries tunnels, idle streams and calls beside slow readers and attacks, and lets go of them all', async () => {
    const { checks } = await runLoad(SMOKE, () => {});
    expect(checks.length).toBeGreaterThan(40);
    // How long things take says nothing beside other tests.
    expect(checks.filter(({ met, timing }) => !met && !timing)).toEqual([]);
  });
});
