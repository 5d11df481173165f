import type { Clock } from '../../core/clock.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { Logger } from '../../core/log.ts';
import type { DialectContext, EdgeDialect } from '../../relay/edge/dialect.ts';
import { refuse } from '../../relay/edge/relay-answer.ts';
import { REGISTER_ENDPOINT } from '../wire/register-endpoint.ts';
import { NOT_SERVED } from './refusals.ts';

/** Between two lines about the same (milliseconds). */
const COMPLAIN_EVERY_MS = 60_000;

/** Tells clients of mcp-tunnel and mcpr that this relay does not serve them, and the operator that they tried. */
export class RefusedAgents implements EdgeDialect {
  readonly path = REGISTER_ENDPOINT.path;
  readonly #clock: Clock;
  readonly #log: Logger;
  #quietUntil = Number.NEGATIVE_INFINITY;

  constructor({ clock, log }: DialectContext) {
    this.#clock = clock;
    this.#log = log;
  }

  refuse(exchange: Exchange): void {
    this.#report(exchange.peer.address);
    refuse(exchange, NOT_SERVED);
  }

  /** The operator may have forgotten about them; a line for each attempt would be a flood. */
  #report(address: string): void {
    const now = this.#clock.monotonic();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + COMPLAIN_EVERY_MS;
    const remedy = 'To serve such clients, whose tunnels anybody may call, set --mcp-tunnel-agents serve.';
    this.#log.warn({ address, remedy }, 'a client of mcp-tunnel or mcpr was turned away');
  }
}
