import { type AskLeg, isAnswer } from './dialect.ts';
import { discover } from './discover.ts';
import { streamSign } from './stream-only.ts';

/** Where servers in the field listen. */
const USUAL_PATHS = ['/mcp', '/sse', '/', '/mcp/', '/api/mcp'] as const;

/** Looks for a path at which the server does speak MCP. Opens no session there either. */
export async function findPath(ask: AskLeg): Promise<string | undefined> {
  for (const path of USUAL_PATHS) {
    let speaks = false;
    const askThere: AskLeg = async (question) => {
      const heard = await ask({ ...question, path });
      if (!isAnswer(heard)) return heard;
      speaks ||= heard.message !== undefined || heard.event === 'endpoint';
      if (heard.status === 404 || heard.status === 405) {
        speaks ||= (await streamSign(ask, path, heard)) === 'shown';
      }
      return heard;
    };
    // As if it were a legacy server: with a session id, and no second question.
    await discover(askThere, 'legacy');
    if (speaks) return path;
  }
  return undefined;
}
