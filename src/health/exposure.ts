import { INSTANCE_HEADER, RELAY_HEADER, UPSTREAM_HEADER } from '../core/markers.ts';
import type { Answer } from './question.ts';

/** `unknown`: nothing on the way could be asked; neither safe nor exposed. */
export type Exposure = 'refused' | 'exposed' | 'unknown';

/** What the answer to a request without token says about who else may come in. */
export function judgeExposure(answer: Answer, instance: string): Exposure {
  const { status } = answer;
  const marker = answer.header(INSTANCE_HEADER);
  if (marker === instance) {
    // The gateway says itself whether it asked the server. Even the server's own 401 came from it.
    const upstream = answer.header(UPSTREAM_HEADER);
    if (upstream !== 'n/a' && upstream !== undefined) return 'exposed';
    return REFUSALS.has(status) ? 'refused' : 'unknown';
  }
  if (REFUSALS.has(status)) return 'refused';
  if (marker !== undefined || answer.header(RELAY_HEADER) !== undefined) return 'unknown';
  // An MCP server answers at our public URL without our gateway in between.
  return answer.message !== undefined && status < 500 ? 'exposed' : 'unknown';
}

/** 404 hides that there is a tunnel at all; 429 is a refusal too. */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 404, 407, 429]);
