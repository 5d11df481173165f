import { table } from '../table.ts';
import type { Findings } from './findings.ts';
import type { Sample } from './processes.ts';

/** The run as Markdown. */
export function loadReport({ checks, moments, notes }: Findings): string {
  const missed = checks.filter(({ met }) => !met).length;
  const promises = table(
    'Promises',
    ['what', 'measured', 'bound', ''],
    checks.map(({ what, measured, bound, met }) => [what, measured, bound, met ? 'kept' : 'NOT KEPT']),
  );
  const held = table(
    'What the processes held',
    [
      'when',
      'relay RSS MB',
      'heap of',
      'external',
      'sockets',
      'timers',
      'agents RSS MB',
      'heap of',
      'external',
      'sockets',
      'timers',
    ],
    moments.map(({ when, relay, agents }) => [when, ...numbers(relay), ...numbers(agents)]),
  );
  const summary = missed === 0 ? 'Every promise was kept.' : `${missed} promises were not kept.`;
  return [promises, held, notes.map((note) => `- ${note}`).join('\n'), summary].join('\n\n');
}

function numbers(sample: Sample): readonly string[] {
  const mb = (bytes: number) => (bytes / 1_048_576).toFixed(1);
  const { rss, heapUsed, heapTotal, external, sockets, timers } = sample;
  return [mb(rss), `${mb(heapUsed)} / ${mb(heapTotal)}`, mb(external), String(sockets), String(timers)];
}
