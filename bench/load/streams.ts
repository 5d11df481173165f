import { waitFor } from '../../test/helpers/wait-for.ts';
import type { Findings } from './findings.ts';
import { moment } from './moment.ts';
import type { Sample } from './processes.ts';
import type { LoadScale } from './scale.ts';
import type { World } from './world.ts';

/** Growth of resident memory for each stream (KB). */
const RELAY_KB = 12;
const AGENT_KB = 24;
/** Growth that has nothing to do with how many they are (KB). */
const SHARED_KB = 2_048;
/** Of what the streams took, so much may stay with the allocators once they are gone. */
const KEPT_SHARE = 0.5;
const SLACK_BYTES = 16 * 1_048_576;

/** Holds idle event streams, ends half of them from each side, and looks at what is left. */
export async function loadStreams(world: World, scale: LoadScale, found: Findings) {
  const { visitors, relay, origin } = world;
  const { streams: count, tunnels } = scale;
  // The first few pay for code and buffers that all share.
  await visitors.ask('openStreams', { count: Math.min(100, count), tunnels });
  await visitors.ask('leaveStreams', { count });
  await noStreams(world);

  const before = await moment(world, found, 'before the streams');
  await visitors.ask('openStreams', { count, tunnels });
  found.exactly('idle streams open', (await relay.stats()).streams, count);
  const during = await moment(world, found, `${count} idle streams`);
  const perStream = (side: 'relay' | 'agents') => (during[side].rss - before[side].rss) / count / 1_024;
  const shared = Math.ceil(SHARED_KB / count);
  found.atMost('idle stream, relay', perStream('relay'), RELAY_KB + shared, 'KB');
  found.atMost('idle stream, agent + gateway', perStream('agents'), AGENT_KB + shared, 'KB');

  await visitors.ask('leaveStreams', { count: count >> 1 });
  await waitFor(async () => (await relay.stats()).streams === count - (count >> 1), {
    timeoutMs: 20_000,
    what: 'the end of the streams whose readers left',
  });
  await fetch(`http://127.0.0.1:${origin.streams.port}/end-idle`);
  await noStreams(world);
  found.exactly(
    'streams still open after their end',
    count - (await visitors.ask<number>('endedStreams')),
    0,
  );
  const after = await moment(world, found, 'after the streams');
  for (const side of ['relay', 'agents'] as const) {
    const kept = leftOver(before[side], during[side], after[side]);
    found.atMost(`memory that stayed, ${side}`, kept / 1_048_576, SLACK_BYTES / 1_048_576, 'MB');
  }
}

/** What stayed beyond the share that allocators may keep (bytes). */
function leftOver(before: Sample, during: Sample, after: Sample): number {
  return after.rss - before.rss - KEPT_SHARE * Math.max(0, during.rss - before.rss);
}

async function noStreams({ relay, visitors }: World): Promise<void> {
  await waitFor(async () => (await relay.stats()).streams === 0, {
    timeoutMs: 20_000,
    what: 'the end of all streams',
  });
  await visitors.sample();
}
