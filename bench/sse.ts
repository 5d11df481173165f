import { fileURLToPath } from 'node:url';
import { outputOf } from './load.ts';
import { interleave, medians } from './rounds.ts';
import type { Scale } from './scale.ts';
import type { Subject } from './subject-list.ts';

export interface SseCell {
  readonly subject: string;
  /** From the server's write to the client's read (microseconds). */
  readonly p50Us: number;
  readonly p99Us: number;
}

/** The delay of events on streams that carry one event every 10 ms. */
export async function measureSse(subjects: readonly Subject[], scale: Scale, token: string) {
  const program = fileURLToPath(new URL('./programs/sse-client.ts', import.meta.url));
  const results = await interleave(subjects, scale.rounds, async (subject) => {
    const text = await outputOf(process.execPath, ['--import', 'tsx', program], {
      SSE_URL: `${subject.url}/sse`,
      SSE_STREAMS: String(scale.sse.streams),
      SSE_MS: String(scale.sse.durationMs),
      BENCH_TOKEN: token,
    });
    const { events, p50Us, p99Us } = JSON.parse(text) as { events: number; p50Us: number; p99Us: number };
    if (events === 0) throw new Error(`no event came through ${subject.name}`);
    return { p50Us, p99Us };
  });
  return [...results].map(([subject, rounds]): SseCell => ({ subject: subject.name, ...medians(rounds) }));
}
