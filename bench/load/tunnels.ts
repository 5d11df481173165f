import type { Findings } from './findings.ts';
import type { LoadScale } from './scale.ts';
import type { World } from './world.ts';

/** Registers all tunnels, and calls each. */
export async function loadTunnels({ agents, visitors, relay }: World, scale: LoadScale, found: Findings) {
  const { tunnels } = scale;
  const ms = await agents.ask<number>('dial', { from: 0, to: tunnels });
  found.notes.push(`${tunnels} tunnels registered in ${(ms / 1_000).toFixed(1)} s`);
  found.exactly('tunnels registered', (await relay.stats()).links, tunnels);
  found.exactly('tunnels that answer', await visitors.ask<number>('callEach', { tunnels }), tunnels);
}
