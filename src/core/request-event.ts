/** One finished exchange, as the gateway saw it: what the request log and the metrics are made of. */
export interface RequestEvent {
  /** Unix milliseconds at which the request head was complete. */
  readonly at: number;
  readonly method: string;
  /** Path without query; a secret path segment is masked. */
  readonly path: string;
  /** Status sent to the caller; 0 when the caller went away before one was. */
  readonly status: number;
  readonly durationMs: number;
  /** From request head to response head (milliseconds). */
  readonly firstByteMs?: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Client address as told by the trusted hop. */
  readonly client: string;
  readonly via: 'provider' | 'local';
  /** How it ended: `complete`, `caller-gone`, `upstream-failed`, `refused`, … */
  readonly outcome: string;
  /** Why we refused or failed it: a stable word (`no-token`, `wrong-token`, `host`, `origin`, …). */
  readonly reason?: string;
  /** What was odd about an answer that passed: `endpoint-elsewhere`, where an event stream leads to another server. */
  readonly note?: string;
  /** Which carrier held the token: `header`, `api-key`, `path`, `bearer`, `query`. */
  readonly carrier?: string;
  /** JSON-RPC method and tool/prompt name; for a batch, the first and the count. */
  readonly rpc?: { readonly method: string; readonly name?: string; readonly batch?: number };
  /** First 12 hex digits of SHA-256 of the MCP session id: ids are credentials. */
  readonly session?: string;
  /** The answer was an event stream. */
  readonly sse?: boolean;
  /** Our own health probe: kept out of request logs and counts by default. */
  readonly probe: boolean;
}
