import { setTimeout as delay } from 'node:timers/promises';
import { rssBytes } from './child.ts';
import { readStreams } from './read-streams.ts';
import type { Scale } from './scale.ts';
import type { Subject } from './subject-list.ts';

export interface IdleCell {
  readonly subject: string;
  readonly part: string;
  readonly streams: number;
  /** Growth of resident memory for each open, silent stream. */
  readonly bytesPerStream: number;
}

const WARM_STREAMS = 20;

/** Opens many silent event streams and divides what each process grew by. */
export async function measureIdle(subjects: readonly Subject[], scale: Scale, token: string) {
  const cells: IdleCell[] = [];
  for (const subject of subjects) {
    const url = `${subject.url}/idle`;
    const open = (count: number) => readStreams(url, count, token, () => {});
    // A few before, so that code loaded by the first request is not taken for the streams' own.
    for (const stream of await open(WARM_STREAMS)) stream.destroy();
    await delay(scale.settleMs);
    const before = await Promise.all(subject.parts.map((part) => rssBytes(part.pid)));
    const streams = await open(scale.idleStreams);
    await delay(scale.settleMs);
    const after = await Promise.all(subject.parts.map((part) => rssBytes(part.pid)));
    for (const stream of streams) stream.destroy();
    for (const [index, part] of subject.parts.entries()) {
      const grown = (after[index] ?? 0) - (before[index] ?? 0);
      const bytesPerStream = Math.max(0, grown) / scale.idleStreams;
      cells.push({ subject: subject.name, part: part.name, streams: scale.idleStreams, bytesPerStream });
    }
    await delay(scale.settleMs);
  }
  return cells;
}
