import type { Admission } from '../access/carriers.ts';
import type { Peer } from '../core/exchange.ts';
import type { ExchangeContext } from './exchange-context.ts';
import { publicSide } from './forwarded.ts';
import { ServerLinks, serverIn } from './server-links.ts';

/** The URLs that one caller is given, as they lead back to the server. */
export class CallerLinks {
  readonly #gateway: ExchangeContext;
  readonly #peer: Peer;
  readonly #admission: Admission;
  #links: ServerLinks | undefined;
  /** What was odd about them; see `RequestEvent.note`. */
  note: 'endpoint-elsewhere' | undefined;

  constructor(gateway: ExchangeContext, peer: Peer, admission: Admission) {
    this.#gateway = gateway;
    this.#peer = peer;
    this.#admission = admission;
  }

  /** What the relay puts in front of the server's paths where this caller sees them; no secret. */
  get routing(): string {
    const path = this.#peer.via === 'provider' ? (this.#gateway.policy.publicUrl?.pathname ?? '') : '';
    return path.replace(/\/+$/, '');
  }

  /** Made for the few answers that need it. */
  get server(): ServerLinks {
    this.#links ??= new ServerLinks({
      names: this.#gateway.serverNames,
      target: this.#admission.target,
      routing: this.routing,
      secret: this.#admission.pathPrefix,
      ...publicSide(this.#peer, this.#gateway.policy.publicUrl),
    });
    return this.#links;
  }

  /** @returns what the caller must call; undefined when the server leads it to another server */
  endpoint(endpoint: string): string | undefined {
    const led = this.server.path(endpoint);
    if (led === undefined) {
      this.note = 'endpoint-elsewhere';
      const { tunnel, log } = this.#gateway.options;
      log.warn(
        { tunnel, endpoint: serverIn(endpoint) },
        'the server names an endpoint outside of the tunnel',
      );
    }
    return led;
  }
}
