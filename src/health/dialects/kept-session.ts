import { randomUUID } from 'node:crypto';
import { VERSION } from '../../core/version.ts';
import type { Answer } from '../http-asker.ts';
import { judgeServer } from '../judge-server.ts';
import { serverName } from '../rpc.ts';
import type { Sighting } from '../sighting.ts';
import { type AskLeg, isSighting } from './dialect.ts';
import { discover } from './discover.ts';

/** Newest revision with `initialize`; the server answers with the one it prefers. */
const LEGACY_REVISION = '2025-11-25';

interface Session {
  /** Absent on a stateless server, which loses nothing. */
  readonly id: string | undefined;
  readonly version: string;
  readonly server: string | undefined;
}

/**
 * The one session our probes hold on a legacy server. A session per probe would fill the server's
 * memory; a DELETE per probe does not help everywhere. Only the local leg opens it; both ping in it.
 */
export class KeptSession {
  #session: Session | undefined;
  /** The server has one session in all: it belongs to the user, never to us. */
  #singleSession = false;

  /** Pings in the session, opening one where there is none (any more). */
  async probe(ask: AskLeg): Promise<Sighting> {
    if (this.#singleSession) return discover(ask);
    const session = this.#session;
    if (session !== undefined) {
      const heard = await ping(ask, session);
      if (isSighting(heard)) return heard;
      if (!isLost(heard, session)) return { ...judgeServer(heard), ...about(session) };
      this.#drop(session);
    }
    return this.#open(ask);
  }

  /** Pings in the session there is; never opens one. A lost session is no failure of the leg. */
  async probeOnly(ask: AskLeg): Promise<Sighting> {
    if (this.#singleSession) return discover(ask);
    const session = this.#session ?? { id: undefined, version: LEGACY_REVISION, server: undefined };
    const heard = await ping(ask, session);
    if (isSighting(heard)) return heard;
    if (!isLost(heard, session)) return { ...judgeServer(heard), ...about(session) };
    this.#drop(session);
    const { latencyMs, status } = heard;
    return {
      finding: 'ok',
      detail: `the server answers (${status}, session lost)`,
      latencyMs,
      ...about(session),
    };
  }

  /** Ends the session on the server. */
  async end(ask: AskLeg): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session?.id === undefined) return;
    await ask({ method: 'DELETE', headers: sessionHeaders(session), awaits: 'head' });
  }

  async #open(ask: AskLeg): Promise<Sighting> {
    const heard = await initialize(ask);
    if (isSighting(heard)) return heard;
    const { message } = heard;
    if (message?.error?.code === -32600 && /already initialized/i.test(message.error.message)) {
      this.#singleSession = true;
      return discover(ask);
    }
    const id = heard.header('mcp-session-id');
    const result = message?.result;
    // A session whose answer broke off exists all the same; forgetting it would leak it.
    if (result === undefined && id === undefined) return judgeServer(heard);
    const version = result?.['protocolVersion'];
    const session: Session = {
      id,
      version: typeof version === 'string' ? version : LEGACY_REVISION,
      server: serverName(result),
    };
    this.#session = session;
    // Strict servers refuse everything else before it.
    await ask({
      method: 'POST',
      headers: { ...POST_HEADERS, ...sessionHeaders(session) },
      body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }),
      awaits: 'head',
    });
    return { ...judgeServer(heard), ...about(session) };
  }

  #drop(session: Session): void {
    // The other leg may have opened a new one meanwhile.
    if (this.#session === session) this.#session = undefined;
  }
}

const POST_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;

function initialize(ask: AskLeg): Promise<Answer | Sighting> {
  const id = `tunneld-${randomUUID()}`;
  const params = {
    protocolVersion: LEGACY_REVISION,
    capabilities: {},
    clientInfo: { name: 'tunneld-probe', version: VERSION },
  };
  return ask({
    method: 'POST',
    headers: POST_HEADERS,
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'initialize', params }),
    awaits: { message: id },
  });
}

function ping(ask: AskLeg, session: Session): Promise<Answer | Sighting> {
  const id = `tunneld-${randomUUID()}`;
  return ask({
    method: 'POST',
    headers: { ...POST_HEADERS, ...sessionHeaders(session) },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' }),
    awaits: { message: id },
  });
}

function sessionHeaders({ id, version }: Session): Record<string, string> {
  return { 'mcp-protocol-version': version, ...(id !== undefined && { 'mcp-session-id': id }) };
}

/** The specification says 404; servers in the field also say 400, -32001 and -32002. */
function isLost({ status, message, text }: Answer, session: Session): boolean {
  if (session.id === undefined) return false;
  const { error } = message ?? {};
  if (status === 404 || error?.code === -32001 || error?.code === -32002) return true;
  return status === 400 && /session/i.test(error?.message ?? text);
}

function about({ server }: Session): Pick<Sighting, 'era' | 'server'> {
  return { era: 'legacy', ...(server !== undefined && { server }) };
}
