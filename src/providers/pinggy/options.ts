import type { Secret } from '../../core/secret.ts';

/** Everything a user may say about a Pinggy tunnel; `docs/providers.md` explains each. */
export interface PinggyOptions {
  /** `TOKEN`, or as Pinggy's dashboard shows it: `TOKEN+force@pro.pinggy.io`. Absent: free use. */
  readonly token?: Secret;
  readonly region?: Region;
  /** Host of the edge; overrides what token and region imply. */
  readonly server?: string;
  readonly serverPort: number;
  /** End another tunnel of the same token instead of being refused. */
  readonly force: boolean;

  /** Let the edge demand the access token as a bearer key (`k:`), before anything reaches us. */
  readonly edgeAuth: boolean;
  /** Further bearer keys the edge accepts. */
  readonly keys: readonly Secret[];
  readonly basicAuth: readonly { readonly user: string; readonly password: Secret }[];
  /** Networks (CIDR) that may connect; everybody when empty. */
  readonly allow: readonly string[];
  /** Request headers to set at the edge (`u:`). */
  readonly setHeaders: Readonly<Record<string, Secret>>;
  /** Request headers to remove at the edge (`r:`). */
  readonly removeHeaders: readonly string[];
  /** Let CORS preflights pass the edge's own check (`x:passpreflight`). */
  readonly passPreflight: boolean;
  /** More of Pinggy's remote options, as they are (`x:fullurl`). */
  readonly args: readonly string[];

  readonly image: string;
  readonly pull: 'missing' | 'always' | 'never';
  /** Address of the engine (`unix://…`, `tcp://…`, `ssh://…`); found as the Docker CLI finds it when absent. */
  readonly dockerHost?: string;
  /** Name of a Docker context. */
  readonly dockerContext?: string;
  /** `auto`: host networking where the engine shares this machine's loopback. */
  readonly network: 'auto' | 'host' | 'bridge';
  /** Name or address under which a container reaches the gateway. */
  readonly gatewayHost: string;
  /** Fetch the URL from Pinggy's web debugger, on a loopback port. Off: read it from the log. */
  readonly debugger: boolean;
  /** Loopback port of the web debugger; a free one when absent. */
  readonly debuggerPort?: number;
  /** File with the edge's host keys (known_hosts format); other keys are then refused. */
  readonly knownHosts?: string;
  readonly restartPolicy: 'no' | 'unless-stopped';
  readonly memoryMb: number;
  readonly pidsLimit: number;
  readonly readOnlyRoot: boolean;

  /** From a started container to a public URL (milliseconds). */
  readonly openTimeoutMs: number;
  /** Between two checks that the session is alive (milliseconds). */
  readonly livenessIntervalMs: number;
  /** One such check may take this long (milliseconds). */
  readonly livenessTimeoutMs: number;
}

export const REGIONS = ['us', 'eu', 'ap', 'br', 'au'] as const;
export type Region = (typeof REGIONS)[number];

export const PINGGY_DEFAULTS: PinggyOptions = {
  serverPort: 443,
  force: true,
  edgeAuth: true,
  keys: [],
  basicAuth: [],
  allow: [],
  setHeaders: {},
  removeHeaders: [],
  passPreflight: false,
  args: [],
  // Pinggy publishes no version tags we could verify; with `pull: missing` the first one pulled stays.
  image: 'pinggy/pinggy:latest',
  pull: 'missing',
  network: 'auto',
  gatewayHost: '127.0.0.1',
  debugger: true,
  restartPolicy: 'no',
  memoryMb: 256,
  pidsLimit: 128,
  readOnlyRoot: true,
  openTimeoutMs: 45_000,
  livenessIntervalMs: 10_000,
  livenessTimeoutMs: 5_000,
};
