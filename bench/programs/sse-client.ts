/** Reads SSE_STREAMS event streams for SSE_MS and prints how late each event was. */
import { readStreams } from '../read-streams.ts';

const late: number[] = [];
const streams = Number(process.env['SSE_STREAMS']);
const readers = await readStreams(
  String(process.env['SSE_URL']),
  streams,
  process.env['BENCH_TOKEN'],
  (text) => {
    const now = process.hrtime.bigint();
    for (const match of text.matchAll(/data: (\d+)\n/g))
      late.push(Number(now - BigInt(match[1] ?? 0)) / 1_000);
  },
);
// The first events pay for cold code on both sides.
await new Promise((resolve) => setTimeout(resolve, 300));
late.length = 0;
await new Promise((resolve) => setTimeout(resolve, Number(process.env['SSE_MS'])));
const sorted = Float64Array.from(late).sort();
const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
process.stdout.write(`${JSON.stringify({ events: sorted.length, p50Us: at(0.5), p99Us: at(0.99) })}\n`);
for (const reader of readers) reader.destroy();
