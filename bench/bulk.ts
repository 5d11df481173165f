import { cpuNs } from './child.ts';
import { load } from './load.ts';
import { BULK_BYTES } from './origin.ts';
import { interleave, medians } from './rounds.ts';
import type { Scale } from './scale.ts';
import type { Subject } from './subject-list.ts';

export interface BulkCell {
  readonly subject: string;
  readonly work: 'down' | 'up';
  /** 10^6 bytes a second, all connections together. */
  readonly megabytesPerSecond: number;
  /** CPU of the subject's own processes (seconds per 10^9 bytes). */
  readonly cpuSecondsPerGb: number;
}

const CONNECTIONS = 4;

/** Bodies of 10 MiB, both ways. */
export async function measureBulk(subjects: readonly Subject[], scale: Scale, token: string) {
  const cells: BulkCell[] = [];
  for (const work of ['down', 'up'] as const) {
    const path = work === 'down' ? '/bulk' : '/sink';
    const method = work === 'down' ? 'GET' : 'POST';
    const results = await interleave(subjects, scale.rounds, async (subject) => {
      const pids = subject.parts.map((part) => part.pid);
      const job = { url: subject.url + path, method, connections: CONNECTIONS, token } as const;
      const before = await cpuNs(pids);
      const outcome = await load({
        ...job,
        durationMs: scale.bulkMs,
        bodyBytes: work === 'up' ? BULK_BYTES : 0,
      });
      const cpuSeconds = ((await cpuNs(pids)) - before) / 1e9;
      // What is half-way when the time is up cost CPU too; only received bytes are counted exactly.
      const bytes = work === 'down' ? outcome.bytes : outcome.requests * BULK_BYTES;
      return {
        megabytesPerSecond: bytes / 1e6 / outcome.seconds,
        cpuSecondsPerGb: cpuSeconds / (bytes / 1e9),
      };
    });
    for (const [subject, rounds] of results) cells.push({ subject: subject.name, work, ...medians(rounds) });
  }
  return cells;
}
