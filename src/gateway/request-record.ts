import type { Carrier } from '../access/carriers.ts';
import { loggedPath } from '../access/logged-path.ts';
import type { Clock } from '../core/clock.ts';
import type { Peer, RequestHead } from '../core/exchange.ts';
import type { RequestEvent } from '../core/request-event.ts';
import type { RpcCall } from './rpc-inspector.ts';

/** What the log says of one request, collected while its exchange runs. */
export class RequestRecord {
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** It is a health probe of our own. */
  readonly probe: boolean;
  status = 0;
  /** Undefined until the server's response head arrived. */
  firstByteMs: number | undefined;
  requestBytes = 0;
  responseBytes = 0;
  carrier: Carrier | undefined;
  /** Label of the MCP session. */
  session: string | undefined;
  sse = false;
  readonly #request: RequestHead;
  readonly #peer: Peer;
  readonly #clock: Clock;
  readonly #at: number;

  constructor(request: RequestHead, peer: Peer, clock: Clock, probe: boolean) {
    this.#request = request;
    this.#peer = peer;
    this.#clock = clock;
    this.probe = probe;
    this.#at = clock.now();
    this.startedAt = clock.monotonic();
  }

  /** The server's response head arrived. */
  answered(status: number): void {
    this.status = status;
    this.firstByteMs = this.#elapsedMs();
  }

  /**
   * The exchange is over.
   *
   * @param ending see the fields of the same names of `RequestEvent`
   */
  event(ending: Ending): RequestEvent {
    const { outcome, reason, note, rpc } = ending;
    return {
      at: this.#at,
      method: this.#request.method,
      path: loggedPath(this.#request.target),
      status: this.status,
      durationMs: this.#elapsedMs(),
      ...(this.firstByteMs !== undefined && { firstByteMs: this.firstByteMs }),
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
      client: this.#peer.address,
      via: this.#peer.via,
      outcome,
      ...(reason !== undefined && { reason }),
      ...(note !== undefined && { note }),
      ...(this.carrier !== undefined && { carrier: this.carrier }),
      ...(rpc !== undefined && { rpc }),
      ...(this.session !== undefined && { session: this.session }),
      ...(this.sse && { sse: true }),
      probe: this.probe,
    };
  }

  #elapsedMs(): number {
    return this.#clock.monotonic() - this.startedAt;
  }
}

interface Ending {
  readonly outcome: string;
  readonly reason: string | undefined;
  readonly note: string | undefined;
  readonly rpc: RpcCall | undefined;
}
