import type { IncomingMessage } from 'node:http';
import { Refusal } from './answers.ts';
import type { Incoming } from './http-session.ts';
import { asMessage, RPC, type RpcMessage } from './rpc.ts';

/** What a client takes for an answer. Leaving it out means anything, as in HTTP. */
export function accepted(request: IncomingMessage): { readonly json: boolean; readonly events: boolean } {
  const accept = header(request, 'accept');
  if (accept === undefined || accept.includes('*/*')) return { json: true, events: accept !== undefined };
  const json = /application\/(?:json|\*)/i.test(accept);
  const events = /text\/(?:event-stream|\*)/i.test(accept);
  if (json || events) return { json, events };
  throw new Refusal(
    406,
    RPC.server,
    'Not Acceptable: Client must accept application/json and text/event-stream',
  );
}

/** @throws {Refusal} 415 */
export function assertJson(request: IncomingMessage): void {
  const type = header(request, 'content-type') ?? '';
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
    throw new Refusal(415, RPC.server, 'Unsupported Media Type: Content-Type must be application/json');
  }
}

/** The messages of a body, and whether there may be several (batches, revision 2025-03-26). @throws {Refusal} */
export function messagesIn(body: Buffer): readonly Incoming[] {
  const text = body.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(400, RPC.parseError, 'Parse error: Invalid JSON');
  }
  const single = !Array.isArray(value);
  const messages = (single ? [value] : (value as unknown[])).map((part) => message(part));
  if (messages.length === 0) throw new Refusal(400, RPC.invalidRequest, 'Invalid Request: an empty batch');
  const oneLine = single && !/[\r\n]/.test(text);
  return messages.map((part) => ({ message: part, text: oneLine ? text : JSON.stringify(part) }));
}

export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function message(value: unknown): RpcMessage {
  const known = asMessage(value);
  if (known === undefined) throw new Refusal(400, RPC.invalidRequest, 'Invalid Request: no JSON-RPC message');
  return known;
}

/** What the headers of a modern request must repeat of its body. @throws {Refusal} */
export function assertMirrored(
  request: IncomingMessage,
  body: RpcMessage,
  claimed: string | undefined,
): void {
  const version = header(request, 'mcp-protocol-version');
  const method = header(request, 'mcp-method');
  const name = header(request, 'mcp-name');
  const named = NAMED[body.method ?? ''];
  const said = named === undefined ? undefined : body.params?.[named];
  const wrong =
    (version !== undefined && claimed !== undefined && version !== claimed && 'MCP-Protocol-Version') ||
    (method !== undefined && method !== body.method && 'Mcp-Method') ||
    (name !== undefined && typeof said === 'string' && decoded(name) !== said && 'Mcp-Name');
  if (wrong === false) return;
  throw new Refusal(400, RPC.headerMismatch, `Header mismatch: ${wrong} differs from the body`);
}

const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

/** Values that no header can hold are written as `=?base64?…?=`. */
function decoded(value: string): string {
  const [, encoded] = /^=\?base64\?([A-Za-z0-9+/=]*)\?=$/.exec(value) ?? [];
  return encoded === undefined ? value : Buffer.from(encoded, 'base64').toString('utf8');
}
