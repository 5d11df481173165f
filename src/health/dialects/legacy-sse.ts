import { judgeServer } from '../judge-server.ts';
import type { Sighting } from '../sighting.ts';
import { type AskLeg, isSighting } from './dialect.ts';

/**
 * The transport of revision 2024-11-05: a GET whose first event names the endpoint to post to.
 * Closing the stream, which happens as soon as the event came, ends the session it made.
 */
export async function legacySse(ask: AskLeg): Promise<Sighting> {
  const heard = await ask({
    method: 'GET',
    headers: { accept: 'text/event-stream' },
    awaits: { event: 'endpoint' },
  });
  if (isSighting(heard)) return heard;
  if (heard.event === undefined) return judgeServer(heard);
  const { latencyMs } = heard;
  return { finding: 'ok', detail: 'the server answers (HTTP+SSE)', latencyMs, era: 'legacy-sse' };
}
