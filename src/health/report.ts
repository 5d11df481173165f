import type { Era, HealthReport, LegReport } from '../core/status.ts';
import { meaningOf, type ProbeResult } from './probe-result.ts';
import type { Judgement } from './verdict.ts';

/** A probe result and when it was seen (Unix milliseconds). */
export interface Dated {
  readonly result: ProbeResult;
  readonly at: number;
}

export interface ReportParts {
  readonly judgement: Judgement;
  readonly since: number;
  readonly era: Era;
  readonly server: string | undefined;
  readonly local: Dated | undefined;
  readonly public: Dated | undefined;
}

/** The report as the status prints it. */
export function toReport(parts: ReportParts): HealthReport {
  const { judgement, since, era, server } = parts;
  return {
    ...judgement,
    since,
    era,
    ...(parts.local !== undefined && { local: toLeg(parts.local) }),
    ...(parts.public !== undefined && { public: toLeg(parts.public) }),
    ...(server !== undefined && { server }),
  };
}

function toLeg({ result, at }: Dated): LegReport {
  const { finding, basis, detail, latencyMs } = result;
  const meaning = meaningOf(result);
  return {
    ok: meaning === 'alive' || meaning === 'unproven',
    at,
    basis,
    finding,
    detail,
    ...(latencyMs !== undefined && { latencyMs: Math.round(latencyMs * 10) / 10 }),
  };
}
