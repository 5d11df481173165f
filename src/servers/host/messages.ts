import type { BridgeSettings } from '../bridge/bridge.ts';
import type { ServerState, Shown } from '../server.ts';

/** What the daemon and the process that holds the servers' programs say to each other. */

export interface OpenRequest {
  /** Where the gateway reaches it. */
  readonly socketPath: string;
  readonly settings: BridgeSettings;
  readonly target: Target;
  /** What must not be told to anybody. */
  readonly secrets: readonly string[];
  /** What it showed when it last ran. */
  readonly known: Shown | undefined;
}

export type Target = ProgramTarget | SseTarget;

/** A server that speaks HTTP+SSE. */
export interface SseTarget {
  readonly kind: 'sse';
  readonly url: string;
  readonly hostHeader: string;
}

/** A program over stdio. */
export interface ProgramTarget {
  readonly kind: 'stdio';
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export type ToHost =
  | { readonly type: 'open'; readonly id: number; readonly request: OpenRequest }
  | { readonly type: 'close'; readonly id: number }
  | { readonly type: 'ping' };

export type FromHost =
  | { readonly type: 'opened'; readonly id: number }
  | { readonly type: 'refused'; readonly id: number; readonly code: string; readonly message: string }
  | { readonly type: 'closed'; readonly id: number }
  | { readonly type: 'state'; readonly id: number; readonly state: ServerState }
  /** A line of a program's standard error, secrets included: the log takes them out. */
  | { readonly type: 'line'; readonly id: number; readonly line: string }
  | {
      readonly type: 'note';
      readonly id: number;
      readonly text: string;
      readonly fields: Readonly<Record<string, string | number>>;
    }
  | { readonly type: 'pong' };
