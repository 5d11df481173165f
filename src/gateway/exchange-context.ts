import type { CallerPolicy } from '../access/caller-policy.ts';
import type { TokenTable } from '../access/token-table.ts';
import type { RequestEvent } from '../core/request-event.ts';
import type { UpstreamPool } from '../http1/upstream-pool.ts';
import type { GatewayOptions } from './gateway-options.ts';
import type { ServerNames } from './server-names.ts';

/** What an exchange uses of the gateway it runs in. */
export interface ExchangeContext {
  /** Those of this moment: some are replaced while exchanges run. */
  readonly options: GatewayOptions;
  readonly tokens: TokenTable;
  readonly policy: CallerPolicy;
  readonly serverNames: ServerNames;
  readonly pool: UpstreamPool;
  /** See `GatewayOptions.trustForwarded`. */
  readonly trustForwarded: boolean;
  /** No new request is taken. */
  readonly draining: boolean;
  /** Exchanges of callers in flight; our own probes are not counted. */
  readonly callers: number;
  /** Calls that the server accepted with 202, since the start: their answers come on event streams. */
  readonly acceptedCalls: number;
  /** The server accepted a call with 202. */
  noteAccepted(): void;
  /** A session id is a credential: logs get the start of its hash. */
  sessionLabel(id: string): string;
  /** Headers that say who answers, name and value alternating. */
  marker(upstream: 'ok' | 'down' | 'n/a', probeNonce: string | undefined): string[];
  /** Called once by each exchange, when it is over. */
  finished(exchange: RunningExchange, event: RequestEvent): void;
}

/** What a gateway does with its exchanges. */
export interface RunningExchange {
  /** It is a health probe of our own. */
  readonly probe: boolean;
  readonly over: boolean;
  /** The server sends events, and a caller who came through the public URL still listens. */
  readonly streamsToVisitor: boolean;
  /** The gateway is closing: ends the exchange as soon as nothing is lost by it. */
  leave(): void;
  /** Ends the exchange at once, so that neither end takes it for complete. */
  fail(reason: string): void;
  /** Applies the time-outs. @param now monotonic milliseconds */
  check(now: number): void;
}
