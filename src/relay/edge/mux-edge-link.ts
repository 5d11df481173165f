import type { Exchange } from '../../core/exchange.ts';
import { type GoawayReason, LinkError } from '../link/link-error.ts';
import type { Mux } from '../link/mux.ts';
import type { EdgeLink } from './edge-link.ts';
import { Forwarding, TUNNEL_BUSY } from './forwarding.ts';
import { refuse } from './relay-answer.ts';

/** An agent of our own protocol: one stream for each exchange. */
export class MuxEdgeLink implements EdgeLink {
  readonly dialect = 'tunneld';
  readonly returns = true;
  leaving = false;
  readonly #mux: Mux;

  constructor(mux: Mux) {
    this.#mux = mux;
  }

  get active(): number {
    return this.#mux.active;
  }

  forward(exchange: Exchange, target: string): void {
    const stream = this.#mux.open();
    if (stream !== undefined) {
      new Forwarding(exchange, stream, target).start();
      return;
    }
    // After some four thousand million requests: the agent dials again and starts from 1.
    if (this.#mux.exhausted) this.#mux.close('draining', 'the stream ids of this link are used up');
    refuse(exchange, TUNNEL_BUSY);
  }

  goaway(reason: GoawayReason, detail: string): void {
    if (reason === 'draining') this.leaving = true;
    this.#mux.goaway(reason, detail);
  }

  whenIdle(callback: () => void): void {
    this.#mux.whenIdle(callback);
  }

  close(reason: GoawayReason, detail: string): void {
    this.#mux.close(reason, detail);
  }

  end(reason: GoawayReason): void {
    this.#mux.wire.close(new LinkError(reason, reason));
  }
}
