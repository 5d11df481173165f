import type { CallsJob, CallsOutcome } from '../programs/load-visitors.ts';
import { median } from '../rounds.ts';
import type { Findings } from './findings.ts';
import type { LoadScale } from './scale.ts';
import type { World } from './world.ts';

/** The others' p99 beside slow readers, against the same without them. */
const WORST_RATIO = 1.5;
/** Below this a ratio is the machine's noise (milliseconds). */
const NOISE_MS = 20;

/** Calls with slow readers beside them and without, in turns. */
export async function loadCalls({ visitors }: World, scale: LoadScale, found: Findings) {
  const { rounds, slowReaders, ...job } = scale.calls;
  const call = (slow: number) =>
    visitors.ask<CallsOutcome>('calls', { ...job, slowReaders: slow } satisfies CallsJob);
  await call(0);
  const [without, beside]: [CallsOutcome[], CallsOutcome[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [0, slowReaders] : [slowReaders, 0];
    for (const slow of order) (slow === 0 ? without : beside).push(await call(slow));
  }
  const p99 = (outcomes: readonly CallsOutcome[]) => median(outcomes.map(({ p99Ms }) => p99Ms));
  const all = [...without, ...beside];
  const perSecond = all.reduce((sum, { calls }) => sum + calls, 0) / all.length / (job.durationMs / 1_000);
  const connections = job.connections + slowReaders;
  found.notes.push(
    `${connections} connections, ${perSecond.toFixed(0)} calls/s: p50 ${median(without.map(({ p50Ms }) => p50Ms)).toFixed(1)} ms, ` +
      `p99 ${p99(without).toFixed(1)} ms; beside ${slowReaders} slow readers p50 ` +
      `${median(beside.map(({ p50Ms }) => p50Ms)).toFixed(1)} ms, p99 ${p99(beside).toFixed(1)} ms (medians of ${rounds})`,
  );
  found.exactly(
    'calls that failed',
    all.reduce((sum, { errors }) => sum + errors, 0),
    0,
  );
  found.exactly(
    'phases in which the slow readers got nothing',
    beside.filter(({ slowBytes }) => slowBytes === 0).length,
    0,
  );
  const ratio = Math.max(NOISE_MS, p99(beside)) / Math.max(NOISE_MS, p99(without));
  found.inTime('p99 of calls, with slow readers against without', ratio, WORST_RATIO, 'x');
}
