/**
 * The requests of the control protocol: method and path. Server and client both read this table;
 * it imports nothing, because every command loads it.
 *
 * `info` and `stop` have no version in their path and keep their form for good: a command of any
 * version must be able to say who is running, and to stop it.
 */
export const ROUTES = {
  info: { method: 'GET', path: '/info' },
  stop: { method: 'POST', path: '/stop' },
  list: { method: 'GET', path: '/v1/tunnels' },
  status: { method: 'GET', path: '/v1/tunnels/:name' },
  inspect: { method: 'GET', path: '/v1/tunnels/:name/inspection' },
  diagnose: { method: 'GET', path: '/v1/tunnels/:name/diagnosis' },
  up: { method: 'PUT', path: '/v1/tunnels/:name' },
  change: { method: 'PATCH', path: '/v1/tunnels/:name' },
  upAll: { method: 'POST', path: '/v1/up' },
  down: { method: 'POST', path: '/v1/tunnels/:name/down' },
  downAll: { method: 'POST', path: '/v1/down' },
  restart: { method: 'POST', path: '/v1/tunnels/:name/restart' },
  remove: { method: 'DELETE', path: '/v1/tunnels/:name' },
  showToken: { method: 'GET', path: '/v1/tunnels/:name/token' },
  rotateToken: { method: 'POST', path: '/v1/tunnels/:name/token/rotation' },
  events: { method: 'GET', path: '/v1/events' },
} as const;

export type RouteName = keyof typeof ROUTES;

/** Carries `PROTOCOL_VERSION` in requests and answers. */
export const PROTOCOL_HEADER = 'tunneld-protocol';

/** Carries what the user has to know besides the answer: a JSON array of sentences, percent-encoded. */
export const ALERTS_HEADER = 'tunneld-alerts';

/** The body of every answer that is not a success. */
export interface ErrorBody {
  readonly error: {
    /** Absent: not a failure tunneld expects, but a defect of the daemon. */
    readonly code?: string;
    readonly message: string;
    readonly remedy?: string;
    /** What the code means to a command that does not know it. Absent from daemons before 0.2. */
    readonly exitCode?: number;
    readonly retryable?: boolean;
    /** The single mistakes of a definition: `key` as in the config file, below the tunnel. */
    readonly mistakes?: readonly { readonly key: string; readonly what: string }[];
  };
}
