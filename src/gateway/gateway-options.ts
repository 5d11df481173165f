import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { RequestEvent } from '../core/request-event.ts';
import type { ServerSign } from '../core/server-sign.ts';
import type { ServerLimits } from '../http1/server-options.ts';

export interface GatewayOptions {
  /** Name of the tunnel, for logs. */
  readonly tunnel: string;
  /** Marks every answer that passed here (`X-Tunneld`), so that no other answer is taken for ours. */
  readonly instance: string;
  readonly upstream: UpstreamAddress;
  readonly access: {
    /** Checks no token. */
    readonly insecurePublic: boolean;
    /** Also accept `?token=`. */
    readonly queryToken: boolean;
    /** Web origins that may call. */
    readonly origins: readonly string[];
  };
  /** Requests that carry it are our own health probes. */
  readonly probeKey: string;
  readonly limits: {
    /** Exchanges in flight. */
    readonly concurrency: number;
    /** Connections to the gateway's own port. */
    readonly connections: number;
    /** From the last request byte to the response head (milliseconds). */
    readonly firstByteTimeoutMs: number;
    /** A body may be silent this long (milliseconds); event streams and upgraded connections may be silent for ever. */
    readonly idleTimeoutMs: number;
  };
  /** Silence after which an event stream gets a comment (milliseconds); undefined never sends one. */
  readonly sseKeepAliveMs: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called once for each request, when it is over. Must not throw. */
  onRequest(event: RequestEvent): void;
  /** Told what each exchange shows of the server, while it lasts. Our own probes are none. Must not throw. */
  onSign?(sign: ServerSign): void;
  /** Only a provider's agent connects to the port: believe the X-Forwarded-* entries it appended. */
  readonly trustForwarded?: boolean;
  /** Limits of the gateway's own listener, where the defaults do not fit. */
  readonly server?: Partial<ServerLimits>;
}

/** What can be different for the exchanges from now on, those in flight included. */
export type GatewaySettings = Pick<GatewayOptions, 'access' | 'limits' | 'sseKeepAliveMs'>;

export interface UpstreamAddress {
  readonly protocol: 'http:' | 'https:';
  readonly host: string;
  /** To connect to where nobody listens at `host`. */
  readonly otherHost?: string;
  readonly port: number;
  /** A Unix socket, dialled in place of host and port. */
  readonly socketPath?: string;
  /** `Host` that the server is shown. */
  readonly hostHeader: string;
}
