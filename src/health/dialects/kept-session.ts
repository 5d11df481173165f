import { randomUUID } from 'node:crypto';
import { VERSION } from '../../core/version.ts';
import { judgeServer, type Saw } from '../judge-server.ts';
import type { ProbeResult } from '../probe-result.ts';
import type { Answer } from '../question.ts';
import { isRecord, serverName } from '../rpc.ts';
import { type AskLeg, isAnswer, POST_HEADERS, restingOn } from './dialect.ts';
import { discover } from './discover.ts';

/** Newest revision with `initialize`; the server answers with the one it prefers. */
const LEGACY_REVISION = '2025-11-25';

/** A list that took longer, or is longer, is not asked for each time (milliseconds, bytes). */
const CHEAP_MS = 250;

interface Session {
  /** Absent on a stateless server, which loses nothing. */
  readonly id: string | undefined;
  readonly version: string;
  readonly server: string | undefined;
  /** What is asked in it. A wrapper answers `ping` itself; only a list shows that its child lives. */
  question: 'tools/list' | 'ping';
}

/**
 * The deepest proof: `initialize`, and then a question in the one session it made. A session per probe
 * would fill the server's memory; a DELETE per probe does not help everywhere.
 */
export class KeptSession {
  #session: Session | undefined;
  /** The server has one session in all: it belongs to the user, never to us. */
  #singleSession = false;

  /** Asks in the session, opening one where there is none (any more). */
  async probe(ask: AskLeg): Promise<ProbeResult> {
    if (this.#singleSession) return discover(ask, 'legacy');
    const session = this.#session;
    // A stateless server has no session to ask in, and so none to spare.
    if (session === undefined || session.id === undefined) return this.#open(ask);
    const heard = await askIn(ask, session);
    if (!isAnswer(heard)) return restingOn('initialize', heard);
    if (isLost(heard)) {
      this.#session = undefined;
      return this.#open(ask);
    }
    if (heard.latencyMs > CHEAP_MS) session.question = 'ping';
    return { ...restingOn('initialize', judgeServer(heard)), ...about(session) };
  }

  /** Ends the session on the server. */
  async end(ask: AskLeg): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session?.id === undefined) return;
    await ask({ method: 'DELETE', headers: sessionHeaders(session), awaits: 'head' });
  }

  async #open(ask: AskLeg): Promise<ProbeResult> {
    const heard = await initialize(ask);
    if (!isAnswer(heard)) return restingOn('initialize', heard);
    const { message } = heard;
    if (message?.error?.code === -32600 && /already initialized/i.test(message.error.message)) {
      this.#singleSession = true;
      return discover(ask, 'legacy');
    }
    const id = heard.header('mcp-session-id');
    const result = message?.result;
    // A session whose answer broke off exists all the same; forgetting it would leak it.
    if (result === undefined && id === undefined) return restingOn('initialize', judgeServer(heard));
    const session = sessionFrom(id, result);
    const known = this.#session !== undefined;
    this.#session = session;
    const probed = { ...restingOn('initialize', judgeServer(heard)), ...about(session) };
    if (id === undefined && known) return probed;
    // Strict servers refuse everything else before it.
    await ask({
      method: 'POST',
      headers: { ...POST_HEADERS, ...sessionHeaders(session) },
      body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }),
      awaits: 'head',
    });
    return probed;
  }
}

function sessionFrom(id: string | undefined, result: Readonly<Record<string, unknown>> | undefined): Session {
  const version = result?.['protocolVersion'];
  const capabilities = result?.['capabilities'];
  const hasTools = isRecord(capabilities) && isRecord(capabilities['tools']);
  return {
    id,
    version: typeof version === 'string' ? version : LEGACY_REVISION,
    server: serverName(result),
    question: hasTools ? 'tools/list' : 'ping',
  };
}

function initialize(ask: AskLeg): Promise<Answer | Saw> {
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

function askIn(ask: AskLeg, session: Session): Promise<Answer | Saw> {
  const id = `tunneld-${randomUUID()}`;
  return ask({
    method: 'POST',
    headers: { ...POST_HEADERS, ...sessionHeaders(session) },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: session.question }),
    awaits: { message: id },
  });
}

function sessionHeaders({ id, version }: Session): Record<string, string> {
  return { 'mcp-protocol-version': version, ...(id !== undefined && { 'mcp-session-id': id }) };
}

/** The specification says 404; servers in the field also say 400, -32001 and -32002. */
function isLost({ status, message, text }: Answer): boolean {
  const { error } = message ?? {};
  if (status === 404 || error?.code === -32001 || error?.code === -32002) return true;
  return status === 400 && /session/i.test(error?.message ?? text);
}

function about({ server }: Session): Pick<ProbeResult, 'era' | 'server'> {
  return { era: 'legacy', ...(server !== undefined && { server }) };
}
