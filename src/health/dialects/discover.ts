import { randomUUID } from 'node:crypto';
import type { Era } from '../../core/status.ts';
import { VERSION } from '../../core/version.ts';
import type { Answer } from '../http-asker.ts';
import { judgeServer } from '../judge-server.ts';
import { isRecord, serverName } from '../rpc.ts';
import { meaningOf, type Sighting } from '../sighting.ts';
import { type AskLeg, isSighting } from './dialect.ts';

/** The newest revision we know; those before it have no `server/discover`. */
const MODERN_REVISION = '2026-07-28';
const UNSUPPORTED_VERSION = -32022;

/** Asks `server/discover`, which creates no session on any server, old or new. */
export async function discover(ask: AskLeg): Promise<Sighting> {
  const heard = await askDiscover(ask, MODERN_REVISION);
  if (isSighting(heard)) return heard;
  const other = otherRevision(heard);
  if (other === undefined) return judge(heard);
  const again = await askDiscover(ask, other);
  return isSighting(again) ? again : judge(again);
}

function askDiscover(ask: AskLeg, version: string): Promise<Answer | Sighting> {
  const id = `tunneld-${randomUUID()}`;
  const meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'tunneld-probe', version: VERSION },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  return ask({
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version,
      'mcp-method': 'server/discover',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'server/discover', params: { _meta: meta } }),
    awaits: { message: id },
  });
}

function judge(answer: Answer): Sighting {
  const sighting = judgeServer(answer);
  const era = eraOf(answer, sighting);
  const server = serverName(answer.message?.result);
  return { ...sighting, ...(era !== undefined && { era }), ...(server !== undefined && { server }) };
}

/**
 * The SDK's own rule: a discover result is modern, a refusal of it legacy. Refused credentials and
 * failures (5xx, timeouts) say nothing of the revision.
 */
function eraOf({ status, message }: Answer, sighting: Sighting): Era | undefined {
  if (Array.isArray(message?.result?.['supportedVersions'])) return 'modern';
  if (message?.error?.code === UNSUPPORTED_VERSION) return 'modern';
  if (status === 401 || status === 403 || status >= 500) return undefined;
  return meaningOf(sighting) === 'alive' ? 'legacy' : undefined;
}

/** A modern revision the server offers instead of the one we asked with. */
function otherRevision({ message }: Answer): string | undefined {
  if (message?.error?.code !== UNSUPPORTED_VERSION || !isRecord(message.error.data)) return undefined;
  const supported = message.error.data['supported'];
  if (!Array.isArray(supported)) return undefined;
  return supported.find(
    (version): version is string => typeof version === 'string' && version > MODERN_REVISION,
  );
}
