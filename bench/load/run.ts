import { loadAttacks } from './attacks.ts';
import { loadCalls } from './calls.ts';
import { Findings, type Moment } from './findings.ts';
import { memoryBack, moment, timersGone } from './moment.ts';
import type { LoadScale } from './scale.ts';
import { loadStreams } from './streams.ts';
import { loadTunnels } from './tunnels.ts';
import { startWorld } from './world.ts';

/** What may stay of a process that carried everything and was left by all (MB). */
const LEFT_MB = 96;

/** Puts a relay under every kind of load it promises to bear, and looks at what it was like. */
export async function runLoad(scale: LoadScale, say: (what: string) => void): Promise<Findings> {
  const found = new Findings();
  await using world = await startWorld(scale);
  const { agents, visitors, relay } = world;
  // One tunnel and its end first: code that is loaded on first use is not what the load took.
  await agents.ask('dial', { from: 0, to: 1 });
  await visitors.ask('callEach', { tunnels: 1 });
  await agents.ask('close');
  const start = await moment(world, found, 'at the start');

  say(`${scale.tunnels} tunnels`);
  await loadTunnels(world, scale, found);
  await moment(world, found, `${scale.tunnels} tunnels`);
  say(`${scale.streams} idle streams`);
  await loadStreams(world, scale, found);
  say('calls beside slow readers');
  await loadCalls(world, scale, found);
  say('attacks');
  await loadAttacks(world, scale, found);
  found.exactly(
    'tunnels that answer after all that',
    await visitors.ask<number>('callEach', { tunnels: scale.tunnels }),
    scale.tunnels,
  );
  await moment(world, found, 'after the attacks');

  say('the end');
  await agents.ask('close');
  const left = LEFT_MB * 1_048_576;
  await memoryBack(world, { relay: start.relay.rss + left, agents: start.agents.rss + left });
  await timersGone(world, start.relay.timers);
  const end = await moment(world, found, 'after all');
  found.exactly('links left', (await relay.stats()).links, 0);
  compare(found, start, end);
  return found;
}

function compare(found: Findings, start: Moment, end: Moment): void {
  for (const side of ['relay', 'agents'] as const) {
    const [was, is] = [start[side], end[side]];
    found.atMost(`${side}: sockets more than at the start`, is.sockets - was.sockets, 0, '');
    found.atMost(`${side}: handles more than at the start`, is.handles - was.handles, 0, '');
    found.atMost(`${side}: timers more than at the start`, is.timers - was.timers, 0, '');
    found.atMost(`${side}: heap more than at the start`, (is.heapUsed - was.heapUsed) / 1_048_576, 4, 'MB');
    found.atMost(`${side}: RSS more than at the start`, (is.rss - was.rss) / 1_048_576, LEFT_MB, 'MB');
  }
}
