import type { ProbeResult } from '../probe-result.ts';
import { type AskLeg, isAnswer, MADE_UP_SESSION, restingOn } from './dialect.ts';

/** Any HTTP answer will do. OPTIONS is the request with the fewest side effects on MCP servers. */
export async function plainHttp(ask: AskLeg): Promise<ProbeResult> {
  const heard = await ask({ method: 'OPTIONS', headers: MADE_UP_SESSION, awaits: 'head' });
  if (!isAnswer(heard)) return restingOn('http', heard);
  const { latencyMs, status } = heard;
  const askedForLogin = status === 401 || status === 403 || status === 407;
  const seen = { finding: 'ok', detail: `the server answers (${status})`, latencyMs, era: 'http' } as const;
  return restingOn('http', { ...seen, ...(askedForLogin && { askedForLogin }) });
}
