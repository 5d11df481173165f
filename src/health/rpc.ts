import { parseJson } from '../core/parse-json.ts';
import { printable } from './printable.ts';

/** The part of a JSON-RPC answer a probe looks at. */
export interface RpcAnswer {
  /** What the server took for the call's id: errors may have another, or none. */
  readonly id: unknown;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: RpcError;
}

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data: unknown;
}

/**
 * The answer to request `id` in `text`, if it is there. An error with any id counts too: servers that
 * refuse a request before they read it (no session, wrong version) answer with `null`, with none, or
 * with one of their own (`server-error`).
 */
export function parseAnswer(text: string, id: string): RpcAnswer | undefined {
  const parsed = parseJson(text);
  // Revision 2025-03-26 allowed batches.
  for (const message of Array.isArray(parsed) ? parsed : [parsed]) {
    if (!isRecord(message) || message['jsonrpc'] !== '2.0') continue;
    const answer = toAnswer(message);
    if (answer !== undefined && (answer.id === id || answer.error !== undefined)) return answer;
  }
  return undefined;
}

/** `name version`, from wherever the revision in use puts it. */
export function serverName(result: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const meta = result?.['_meta'];
  const info =
    result?.['serverInfo'] ?? (isRecord(meta) ? meta['io.modelcontextprotocol/serverInfo'] : undefined);
  if (!isRecord(info) || typeof info['name'] !== 'string') return undefined;
  const version = typeof info['version'] === 'string' ? ` ${info['version']}` : '';
  return printable(`${info['name']}${version}`);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toAnswer(message: Record<string, unknown>): RpcAnswer | undefined {
  const { result, error } = message as { result?: unknown; error?: unknown };
  const { id } = message;
  if (isRecord(result)) return { id, result };
  if (!isRecord(error)) return undefined;
  const { code, message: text, data } = error as { code?: unknown; message?: unknown; data?: unknown };
  return {
    id,
    error: { code: typeof code === 'number' ? code : 0, message: typeof text === 'string' ? text : '', data },
  };
}
