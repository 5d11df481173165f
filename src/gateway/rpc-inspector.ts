import { isJsonPost } from '../access/refusal-text.ts';
import { type BodySink, Flow, type RequestHead } from '../core/exchange.ts';
import { parseJson } from '../core/parse-json.ts';
import { sha256Hex } from '../core/sha256.ts';

export interface RpcCall {
  readonly method: string;
  readonly name?: string;
  readonly batch?: number;
}

/** Larger bodies are not looked into. */
const MAX_BODY_BYTES = 65_536;
const MAX_LABEL = 128;

/**
 * Finds out which JSON-RPC call a request makes, without holding it back: modern clients say it in
 * headers, of others the body's chunks are kept until it is complete.
 */
export class RpcInspector {
  call: RpcCall | undefined;
  /** The call's id as JSON, for answers of our own. */
  id = 'null';
  /** It is one, and no notification or answer; known once the body is complete. */
  isCall = false;
  #chunks: Buffer[] | undefined;
  #bytes = 0;

  constructor(request: RequestHead) {
    const method = request.get('mcp-method');
    if (method !== undefined) {
      const name = request.get('mcp-name');
      this.call = {
        method: label(method),
        ...nameOf(method, name === undefined ? undefined : decoded(name)),
      };
    }
    if (isJsonPost(request)) this.#chunks = [];
  }

  /** @returns true when the chunk is kept, so that its memory must not be used again */
  see(chunk: Buffer): boolean {
    if (this.#chunks === undefined) return false;
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BODY_BYTES) {
      this.#chunks = undefined;
      return false;
    }
    this.#chunks.push(chunk);
    return true;
  }

  /** The body is complete. */
  finish(): void {
    const chunks = this.#chunks;
    this.#chunks = undefined;
    if (chunks === undefined || chunks.length === 0) return;
    const text = chunks.map((chunk) => chunk.toString('utf8')).join('');
    this.#read(parseJson(text));
  }

  /** For a body that goes nowhere else. */
  get sink(): BodySink {
    return {
      data: (chunk) => (this.see(chunk) ? Flow.retained : Flow.consumed),
      end: () => this.finish(),
      abort: () => {},
    };
  }

  #read(message: unknown): void {
    const first = Array.isArray(message) ? message[0] : message;
    if (!isRecord(first)) return;
    const { id, method, params } = first;
    if (typeof id === 'number' || typeof id === 'string') {
      this.id = JSON.stringify(id);
      this.isCall = typeof method === 'string';
    }
    if (this.call !== undefined || typeof method !== 'string') return;
    const { name, uri, taskId } = isRecord(params) ? params : {};
    this.call = {
      method: label(method),
      ...nameOf(method, [name, uri, taskId].find((each) => typeof each === 'string') as string | undefined),
      ...(Array.isArray(message) && { batch: message.length }),
    };
  }
}

/**
 * What a log may show of what a call is about: tools and prompts have names, but a URI may be signed and
 * whoever knows a task's id may have its result.
 */
function nameOf(method: string, value: string | undefined): { name?: string } {
  if (value === undefined) return {};
  if (method === 'tools/call' || method === 'prompts/get') return { name: label(value) };
  if (method.startsWith('tasks/')) return { name: sha256Hex(value).slice(0, 12) };
  if (!method.startsWith('resources/')) return {};
  const scheme = /^[a-z][a-z0-9+.-]{0,31}:/i.exec(value)?.[0];
  return scheme === undefined ? {} : { name: scheme.toLowerCase() };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Names that no header can hold travel as `=?base64?…?=` (SEP-2243). */
function decoded(header: string): string {
  const encoded = BASE64_SENTINEL.exec(header)?.[1];
  return encoded === undefined ? header : Buffer.from(encoded, 'base64').toString('utf8');
}

const BASE64_SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** Names come from callers and end in logs and on terminals. */
function label(text: string): string {
  return text.slice(0, MAX_LABEL).replace(/\p{C}/gu, '?');
}
