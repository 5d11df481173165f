import type { Sighting } from '../sighting.ts';
import { type AskLeg, isSighting } from './dialect.ts';

/** Any HTTP answer will do. OPTIONS is the request with the fewest side effects on MCP servers. */
export async function plainHttp(ask: AskLeg): Promise<Sighting> {
  const heard = await ask({ method: 'OPTIONS', headers: {}, awaits: 'head' });
  if (isSighting(heard)) return heard;
  const { latencyMs, status } = heard;
  return { finding: 'ok', detail: `the server answers (${status})`, latencyMs, era: 'http' };
}
