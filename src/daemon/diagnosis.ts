import type { Diagnosis } from '../control/api.ts';
import type { Finding, HealthReport, LegReport } from '../core/status.ts';
import type { OpenRequest, TunnelProvider } from '../providers/provider.ts';

/**
 * Looks at what a session stands on. Never rejects for what it finds.
 *
 * @param carrier undefined while the tunnel is down
 */
export async function diagnose(
  carrier: { readonly provider: TunnelProvider; readonly request: OpenRequest } | undefined,
  health: HealthReport,
): Promise<Diagnosis> {
  const [findings = [], command] = await Promise.all([
    carrier?.provider.diagnose?.(carrier.request),
    // A mistake in the options is already what the status says.
    carrier?.provider.equivalentCommand?.(carrier.request).catch(() => undefined),
  ]);
  return { findings: [...findings, ...healthFindings(health)], ...(command !== undefined && { command }) };
}

/** What the probes saw: of the local server, and of the way through the public URL. */
function healthFindings({ local, public: publicLeg, remedy }: HealthReport): readonly Finding[] {
  return [legFinding('server', local, remedy), legFinding('url', publicLeg, remedy)];
}

function legFinding(name: string, leg: LegReport | undefined, remedy: string): Finding {
  if (leg === undefined)
    return { name, ok: false, detail: 'not probed yet', remedy: 'Wait for the next probe.' };
  return { name, ok: leg.ok, detail: `${leg.finding}: ${leg.detail}`, remedy: leg.ok ? '' : remedy };
}
