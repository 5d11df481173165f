/** What the agent process needs to know. Holds the authtoken: it travels over IPC and nowhere else. */
export interface AgentSettings {
  readonly authtoken: string;
  readonly client: { readonly name: string; readonly version: string };
  /** `host:port` of the edge; the SDK's own when absent. */
  readonly server?: string;
  /** Certificates (PEM) to trust instead of the SDK's own, for private edges. */
  readonly ca?: string;
  readonly domain?: string;
  readonly pooling: boolean;
  readonly metadata?: string;
  /** JSON, as ngrok takes it. */
  readonly trafficPolicy: string;
  /** The gateway. Also what the dashboard shows as the endpoint's upstream. */
  readonly forwardTo: string;
  /** Seconds, whole: the SDK knows nothing finer. */
  readonly heartbeatIntervalS: number;
  readonly heartbeatToleranceS: number;
}

export type ToAgent =
  | { readonly type: 'open'; readonly settings: AgentSettings }
  | { readonly type: 'ping' }
  | { readonly type: 'close' };

export type FromAgent =
  | { readonly type: 'opened'; readonly url: string }
  /** The SDK is not usable on this machine. */
  | { readonly type: 'unusable'; readonly message: string }
  /** No session, no endpoint. `code` as ngrok gave it; absent when ngrok was not reached. */
  | { readonly type: 'failed'; readonly message: string; readonly code?: string }
  /** The endpoint is gone. */
  | {
      readonly type: 'ended';
      readonly cause: 'connection' | 'heartbeat' | 'stop-command' | 'restart-command';
      readonly message: string;
      readonly code?: string;
    }
  | { readonly type: 'heartbeat'; readonly latencyMs: number }
  | { readonly type: 'pong' };
