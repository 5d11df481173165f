import type { Era, HealthReport, LegReport } from '../core/status.ts';
import { meaningOf, type Sighting } from './sighting.ts';
import type { Judgement } from './verdict.ts';

/** A sighting and when it was made (Unix milliseconds). */
export interface Dated {
  readonly sighting: Sighting;
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

function toLeg({ sighting, at }: Dated): LegReport {
  const { finding, basis, detail, latencyMs } = sighting;
  const meaning = meaningOf(sighting);
  return {
    ok: meaning === 'alive' || meaning === 'unproven',
    at,
    basis,
    finding,
    detail,
    ...(latencyMs !== undefined && { latencyMs: Math.round(latencyMs * 10) / 10 }),
  };
}
