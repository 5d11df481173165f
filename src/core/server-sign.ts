/**
 * What one exchange showed of the server, as the gateway saw it. The health monitor's evidence; it
 * never leaves the daemon.
 */
export interface ServerSign {
  /** `provider`: it came through the public URL, and so proves the way to us as well. */
  readonly via: 'provider' | 'local';
  readonly method: string;
  /** Without query; a secret path segment is masked. */
  readonly path: string;
  /** A POST with a JSON body: what MCP calls are. */
  readonly call: boolean;
  /** JSON-RPC method of the call, where it is known by now. */
  readonly rpc?: string;
  readonly seen: SeenOfServer;
  /** Labels of the MCP session the request named, and of the one its answer opened. Never the ids. */
  readonly session?: string;
  readonly opened?: string;
}

export type SeenOfServer =
  /** The server's answer; `start` is the beginning of its body. Of an event stream it is told twice: as it opens, and with its first event. */
  | { readonly kind: 'answer'; readonly status: number; readonly type: string; readonly start: string }
  /** No answer, or half of one: `reason` is a stable word or a code of the system. */
  | { readonly kind: 'failure'; readonly reason: string; readonly protocol: boolean }
  /** The call goes on without a first byte (milliseconds). Said more than once. */
  | { readonly kind: 'silence'; readonly forMs: number }
  /** The gateway answered by itself: nothing about the server. */
  | { readonly kind: 'unasked' };
