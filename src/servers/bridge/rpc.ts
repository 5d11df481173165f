/** The JSON-RPC messages of MCP, as far as a bridge has to understand them. */

export type RpcId = string | number;

export interface RpcMessage {
  readonly jsonrpc: '2.0';
  readonly id?: RpcId | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: RpcFailure;
}

export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export type RpcRequest = RpcMessage & { readonly id: RpcId; readonly method: string };
export type RpcNotification = RpcMessage & { readonly method: string };
export type RpcResponse = RpcMessage & { readonly id: RpcId };

/** Codes of JSON-RPC and of MCP's revision 2026-07-28 that the bridge itself answers with. */
export const RPC = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  internal: -32_603,
  /** What the SDKs say to a request that misses its session. */
  server: -32_000,
  sessionNotFound: -32_001,
  headerMismatch: -32_020,
  unsupportedVersion: -32_022,
} as const;

/** The message in `value`; undefined when it is none. */
export function asMessage(value: unknown): RpcMessage | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const message = value as RpcMessage;
  if (message.jsonrpc !== '2.0') return undefined;
  const { id, method, params } = message;
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') return undefined;
  if (method !== undefined && typeof method !== 'string') return undefined;
  if (params !== undefined && (typeof params !== 'object' || params === null)) return undefined;
  const answers = message.result !== undefined || message.error !== undefined;
  return method === undefined && !answers ? undefined : message;
}

export function isRequest(message: RpcMessage): message is RpcRequest {
  return message.method !== undefined && message.id !== undefined && message.id !== null;
}

export function isNotification(message: RpcMessage): message is RpcNotification {
  return message.method !== undefined && (message.id === undefined || message.id === null);
}

/** An answer to somebody: one with `id: null` is to nobody that could be told. */
export function isResponse(message: RpcMessage): message is RpcResponse {
  return message.method === undefined && message.id !== undefined && message.id !== null;
}

/** Text and number are different ids: `1` is not `"1"`. */
export function idKey(id: RpcId): string {
  return typeof id === 'string' ? `s${id}` : `n${id}`;
}

export function failureText(id: RpcId | null, failure: RpcFailure): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: failure });
}

/** The token that a request wants its progress reported under. */
export function progressTokenOf({ params }: RpcMessage): RpcId | undefined {
  const meta = params?.['_meta'];
  const token = isRecord(meta) ? meta['progressToken'] : undefined;
  return typeof token === 'string' || typeof token === 'number' ? token : undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
