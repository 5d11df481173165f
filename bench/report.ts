import type { Results } from './results.ts';
import type { StartUp } from './start-up.ts';
import { table } from './table.ts';
import type { TargetCheck } from './targets.ts';

/** The run as Markdown: read on a terminal, and pasted into docs/performance.md as it is. */
export function report(results: Results, checks: readonly TargetCheck[]): string {
  const { environment: env } = results;
  const sections = [
    [
      `${env.at} · Node ${env.node} · ${env.cores} x ${env.cpu} · origin ${env.origin} · load ${env.load}`,
      ...env.versions,
      ...(env.quick ? ['QUICK: too short to quote'] : []),
    ].join(' · '),
    ...env.missing.map((what) => `Not measured: ${what}.`),
    ...works(results).map((work) => smallTable(results, work)),
    bulkTable(results),
    sseTable(results),
    idleTable(results),
    ...(results.startUp === undefined ? [] : [startUpTable(results.startUp)]),
    targetTable(checks),
  ];
  return `${sections.join('\n\n')}\n`;
}

function works(results: Results): readonly string[] {
  return [...new Set(results.small.map((cell) => cell.work))];
}

function smallTable({ small }: Results, work: string): string {
  const rows = small.filter((cell) => cell.work === work);
  const direct = rows.find((cell) => cell.subject === 'direct')?.perSecond ?? Number.NaN;
  return table(
    `Small ${work}`,
    ['subject', 'req/s', 'of direct', 'us CPU/req', 'p50 ms', 'p99 ms'],
    rows.map((cell) => [
      cell.subject,
      cell.perSecond.toFixed(0),
      `${((cell.perSecond / direct) * 100).toFixed(0)} %`,
      cell.cpuUs === 0 ? '-' : cell.cpuUs.toFixed(1),
      (cell.p50Us / 1_000).toFixed(2),
      (cell.p99Us / 1_000).toFixed(2),
    ]),
  );
}

function bulkTable({ bulk }: Results): string {
  return table(
    '10 MiB bodies, 4 connections',
    ['subject', 'way', 'MB/s', 'CPU-s/GB'],
    bulk.map((cell) => [
      cell.subject,
      cell.work,
      cell.megabytesPerSecond.toFixed(0),
      cell.cpuSecondsPerGb === 0 ? '-' : cell.cpuSecondsPerGb.toFixed(2),
    ]),
  );
}

function sseTable({ sse }: Results): string {
  const direct = sse.find((cell) => cell.subject === 'direct');
  return table(
    'SSE event delay, one event every 10 ms a stream',
    ['subject', 'p50 ms', 'p99 ms', 'added p50', 'added p99'],
    sse.map((cell) => [
      cell.subject,
      (cell.p50Us / 1_000).toFixed(3),
      (cell.p99Us / 1_000).toFixed(3),
      ((cell.p50Us - (direct?.p50Us ?? 0)) / 1_000).toFixed(3),
      ((cell.p99Us - (direct?.p99Us ?? 0)) / 1_000).toFixed(3),
    ]),
  );
}

function idleTable({ idle }: Results): string {
  return table(
    `Memory of an idle event stream (${idle[0]?.streams ?? 0} open)`,
    ['subject', 'process', 'KB/stream'],
    idle.map((cell) => [cell.subject, cell.part, (cell.bytesPerStream / 1_024).toFixed(1)]),
  );
}

function startUpTable(startUp: StartUp): string {
  return table(
    'Start-up',
    ['command', 'ms'],
    [
      ['node -e 0', startUp.nodeMs.toFixed(1)],
      ['tunneld status', startUp.statusMs.toFixed(1)],
    ],
  );
}

function targetTable(checks: readonly TargetCheck[]): string {
  return table(
    'Targets',
    ['what', 'measured', 'target', ''],
    checks.map(({ what, measured, limit, unit, met }) => [
      what,
      `${measured.toFixed(2)} ${unit}`,
      `<= ${limit}`,
      met ? 'met' : `missed by ${((measured / limit - 1) * 100).toFixed(0)} %`,
    ]),
  );
}
