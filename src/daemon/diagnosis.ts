import type { Finding, HealthReport, LegReport } from '../core/status.ts';

/** The half of the ladder that the probes climb: the local server, and the way through the URL. */
export function healthFindings({ local, public: far, remedy }: HealthReport): readonly Finding[] {
  return [legFinding('server', local, remedy), legFinding('url', far, remedy)];
}

function legFinding(name: string, leg: LegReport | undefined, remedy: string): Finding {
  if (leg === undefined)
    return { name, ok: false, detail: 'not probed yet', remedy: 'Wait for the next probe.' };
  return { name, ok: leg.ok, detail: `${leg.finding}: ${leg.detail}`, remedy: leg.ok ? '' : remedy };
}
