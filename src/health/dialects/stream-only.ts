import type { ProbeResult } from '../probe-result.ts';
import type { Answer } from '../question.ts';
import { type AskLeg, isAnswer, MADE_UP_SESSION } from './dialect.ts';

/**
 * How sure it is that a path which knows no POST is the stream of a legacy HTTP+SSE server: `shown` by
 * the methods it allows, `named` like one where the server does not say, `possible`.
 */
export type StreamSign = 'shown' | 'named' | 'possible' | 'absent';

/**
 * Looks for the signs of the transport of revision 2024-11-05 without opening its stream: a GET would
 * be a session, and some servers have only one, or die of a second (supergateway 3.4). HEAD is no
 * better: Express runs it as a GET.
 *
 * @param refusal the answer to a POST: 404, 405 or the like
 */
export async function streamSign(ask: AskLeg, path: string, refusal: Answer): Promise<StreamSign> {
  const named = isStreamPath(path);
  if (allowsOnlyGet(refusal.header('allow'))) return named ? 'shown' : 'possible';
  const heard = await ask({ method: 'OPTIONS', path, headers: MADE_UP_SESSION, awaits: 'head' });
  if (!isAnswer(heard)) return named ? 'possible' : 'absent';
  if (allowsOnlyGet(heard.header('allow'))) return named ? 'shown' : 'possible';
  if (!named) return 'absent';
  // Servers that let any page call answer OPTIONS alike for every path; others know no OPTIONS at all.
  return heard.status < 400 ? 'named' : 'possible';
}

/** `/sse` is what every SDK and bridge calls it. */
function isStreamPath(path: string): boolean {
  return /(?:^|[/_-])sse\/?$/i.test(path);
}

/** The same where nothing but a client's call could tell whether it is one. */
export function perhapsStream(status: number, latencyMs: number | undefined): ProbeResult {
  return {
    finding: 'unproven',
    basis: 'http',
    detail: `the path takes no POST (${status}); whether its GET is an MCP stream is not tried, since that would be a session`,
    ...(latencyMs !== undefined && { latencyMs }),
  };
}

function allowsOnlyGet(allow: string | undefined): boolean {
  const methods = (allow ?? '').toUpperCase().split(/[\s,]+/);
  return methods.includes('GET') && !methods.includes('POST');
}

/** What is reported of a port behind which only a stream could tell more. */
export function streamOnly(address: string, latencyMs: number): ProbeResult {
  const detail = `${address} accepts connections (HTTP+SSE: a stream would be a session, so none is opened)`;
  return { finding: 'ok', basis: 'tcp', detail, latencyMs, era: 'legacy-sse' };
}
