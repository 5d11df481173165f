import { type AskLeg, isSighting } from './dialect.ts';
import { discover } from './discover.ts';
import { legacySse } from './legacy-sse.ts';

/** Where servers in the field listen. */
const USUAL_PATHS = ['/mcp', '/sse', '/', '/mcp/', '/api/mcp'] as const;

/** Looks for a path at which the server does speak MCP. */
export async function findPath(ask: AskLeg): Promise<string | undefined> {
  for (const path of USUAL_PATHS) {
    let speaks = false;
    const askThere: AskLeg = async (question) => {
      const heard = await ask({ ...question, path });
      if (!isSighting(heard)) speaks ||= heard.message !== undefined || heard.event !== undefined;
      return heard;
    };
    await discover(askThere);
    if (!speaks) await legacySse(askThere);
    if (speaks) return path;
  }
  return undefined;
}
