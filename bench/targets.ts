import { NGINX_TWO_HOPS } from './peers.ts';
import type { Results } from './results.ts';
import { EMBEDDED, GATEWAY, OVER_TLS, SPLIT } from './subjects.ts';

export interface TargetCheck {
  readonly what: string;
  readonly measured: number;
  readonly limit: number;
  readonly unit: string;
  readonly met: boolean;
}

/** Holds a run against what the design promises. Ratios are within the run, on the same machine. */
export function checkTargets(results: Results): readonly TargetCheck[] {
  const checks: TargetCheck[] = [];
  const atMost = (what: string, measured: number | undefined, limit: number, unit: string) => {
    if (measured === undefined || Number.isNaN(measured)) return;
    checks.push({ what, measured, limit, unit, met: measured <= limit });
  };
  const small = (subject: string, work: string) =>
    results.small.find((cell) => cell.subject === subject && cell.work === work);

  for (const work of ['GET c64', 'POST c64']) {
    const tunnel = small(EMBEDDED, work)?.cpuUs;
    const nginx = small(NGINX_TWO_HOPS, work)?.cpuUs;
    atMost(`${work}, relay + agent + gateway`, tunnel, 65, 'us CPU/request');
    atMost(`${work}, against nginx two hops`, ratio(tunnel, nginx), 1, 'x CPU');
    atMost(`${work}, gateway alone`, small(GATEWAY, work)?.cpuUs, 35, 'us CPU/request');
  }
  for (const { subject, work, cpuSecondsPerGb } of results.bulk) {
    if (subject === EMBEDDED) atMost(`10 MiB bodies, ${work}`, cpuSecondsPerGb, 2.8, 'CPU-s/GB');
    if (subject === OVER_TLS) atMost(`10 MiB bodies over TLS, ${work}`, cpuSecondsPerGb, 6, 'CPU-s/GB');
  }
  const direct = results.sse.find((cell) => cell.subject === 'direct');
  const tunnelled = results.sse.find((cell) => cell.subject === EMBEDDED);
  if (direct !== undefined && tunnelled !== undefined) {
    atMost('SSE event, added p50', (tunnelled.p50Us - direct.p50Us) / 1_000, 0.4, 'ms');
    atMost('SSE event, added p99', (tunnelled.p99Us - direct.p99Us) / 1_000, 1.5, 'ms');
  }
  for (const { subject, part, bytesPerStream } of results.idle) {
    if (subject === SPLIT) {
      atMost(`idle stream, ${part}`, bytesPerStream / 1_024, part === 'relay' ? 12 : 16, 'KB');
    }
  }
  if (results.startUp !== undefined) {
    const { nodeMs, statusMs } = results.startUp;
    atMost('tunneld status, against node -e 0', statusMs / nodeMs, 1.6, 'x time');
  }
  return checks;
}

function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}
