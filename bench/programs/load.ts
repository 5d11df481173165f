/** The load generator for machines without wrk: BENCH_JOB is a `Job` as JSON. */
import { Pool } from 'undici';
import { bodyOf, type Job } from '../load.ts';

const job = JSON.parse(String(process.env['BENCH_JOB'])) as Job;
const url = new URL(job.url);
const pool = new Pool(url.origin, { connections: job.connections, pipelining: 1 });
const { type, head, tail } = bodyOf(job);
const padding = 'u'.repeat(Math.max(0, job.bodyBytes - head.length - tail.length));
const body = job.bodyBytes > 0 ? head + padding + tail : null;
const latencies: number[] = [];
let bytes = 0;
let errors = 0;

const started = performance.now();
const deadline = started + job.durationMs;
await Promise.all(Array.from({ length: job.connections }, drive));
const seconds = (performance.now() - started) / 1_000;
latencies.sort((a, b) => a - b);
const at = (share: number) => Math.round(latencies[Math.floor(latencies.length * share)] ?? 0);
const outcome = { requests: latencies.length, bytes, seconds, errors, p50Us: at(0.5), p99Us: at(0.99) };
process.stdout.write(`OUTCOME ${JSON.stringify(outcome)}\n`);
await pool.close();

async function drive(): Promise<void> {
  while (performance.now() < deadline) {
    const sentAt = performance.now();
    try {
      const answer = await pool.request({
        path: url.pathname,
        method: job.method,
        body,
        headers: { authorization: `Bearer ${job.token}`, 'content-type': type },
      });
      for await (const chunk of answer.body) bytes += (chunk as Buffer).length;
      if (answer.statusCode >= 300) errors += 1;
      latencies.push((performance.now() - sentAt) * 1_000);
    } catch {
      errors += 1;
    }
  }
}
