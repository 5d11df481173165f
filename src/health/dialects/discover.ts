import { randomUUID } from 'node:crypto';
import type { Era } from '../../core/status.ts';
import { VERSION } from '../../core/version.ts';
import { judgeServer, type Saw } from '../judge-server.ts';
import { meaningOf, type ProbeResult } from '../probe-result.ts';
import type { Answer } from '../question.ts';
import { isRecord, serverName } from '../rpc.ts';
import { type AskLeg, isAnswer, MADE_UP_SESSION, POST_HEADERS, restingOn } from './dialect.ts';

/** The newest revision we know; those before it have no `server/discover`. */
const MODERN_REVISION = '2026-07-28';
const UNSUPPORTED_VERSION = -32022;

/** The headers of a question about a session, or of none. */
type SessionHeaders = Readonly<Record<string, string>>;

/**
 * Asks `server/discover`, which opens no session on any server.
 *
 * Of a modern server it is the whole question. Everybody else is asked with a made-up session id,
 * which costs old Python servers nothing. Where that is refused and nobody knows the era yet (Go's SDK
 * and some others refuse modern questions with one), it is asked once without.
 */
export async function discover(ask: AskLeg, era: Era): Promise<ProbeResult> {
  const first = await discoverWith(ask, era === 'modern' ? {} : MADE_UP_SESSION);
  if (!isAnswer(first)) return restingOn('discover', first);
  if (era !== 'unknown' || !refusesSession(first) || isPython(first)) return judge(first);
  const again = await discoverWith(ask, {});
  return isAnswer(again) ? judge(again) : restingOn('discover', again);
}

async function discoverWith(ask: AskLeg, session: SessionHeaders): Promise<Answer | Saw> {
  const heard = await askDiscover(ask, MODERN_REVISION, session);
  const other = isAnswer(heard) ? otherRevision(heard) : undefined;
  return other === undefined ? heard : await askDiscover(ask, other, session);
}

function askDiscover(ask: AskLeg, version: string, session: SessionHeaders): Promise<Answer | Saw> {
  const id = `tunneld-${randomUUID()}`;
  const meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'tunneld-probe', version: VERSION },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  return ask({
    method: 'POST',
    headers: {
      ...POST_HEADERS,
      ...session,
      'mcp-protocol-version': version,
      'mcp-method': 'server/discover',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'server/discover', params: { _meta: meta } }),
    awaits: { message: id },
  });
}

/** The specification says 404; servers in the field also say 400, and 401 (older rmcp). */
function refusesSession({ status, message, text }: Answer): boolean {
  if (status !== 400 && status !== 401 && status !== 404) return false;
  return /session/i.test(message?.error?.message ?? text);
}

/** It would keep a session for the question without one, and is no modern server. */
function isPython({ message, text }: Answer): boolean {
  return message?.id === 'server-error' || PYTHON_TEXT.test(text);
}

/** As a bare text; the TypeScript SDK says the second of them in JSON-RPC. */
const PYTHON_TEXT = /^(?:Invalid session ID|Bad Request: No valid session ID provided)$/;

function judge(answer: Answer): ProbeResult {
  const result = judgeServer(answer);
  const era = eraOf(answer, result);
  const server = serverName(answer.message?.result);
  return {
    ...restingOn('discover', result),
    ...(era !== undefined && { era }),
    ...(server !== undefined && { server }),
  };
}

/**
 * The SDK's own rule: a discover result is modern, a refusal of it legacy. Refused credentials and
 * failures (5xx, timeouts) say nothing of the revision.
 */
function eraOf({ status, message, text, event }: Answer, result: Saw): Era | undefined {
  if (Array.isArray(message?.result?.['supportedVersions'])) return 'modern';
  if (message?.error?.code === UNSUPPORTED_VERSION) return 'modern';
  // Go's SDK wants the session of a stream in the query; others open a stream for any method.
  if (event === 'endpoint' || /^sessionid must be provided\b/i.test(text)) return 'legacy-sse';
  if (status === 401 || status === 403 || status >= 500) return undefined;
  return meaningOf(result) === 'alive' ? 'legacy' : undefined;
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
