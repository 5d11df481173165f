import type { TextSocket } from '../wire/text-socket.ts';

/** Something with bytes to send that waits for the connection. */
export interface Sender {
  /** Sends one piece. @returns whether there is more */
  turn(): boolean;
}

/**
 * Shares one connection among the answers on it: while it is congested each keeps its bytes, and when
 * it takes bytes again they go in turn, a piece each. A small answer never waits behind a whole big one.
 */
export class SendTurns {
  readonly #wire: TextSocket;
  readonly #waiting = new Set<Sender>();

  constructor(wire: TextSocket) {
    this.#wire = wire;
    wire.onRelaxed = () => this.#pump();
  }

  /** The queue is empty and the connection takes bytes: no need to wait for a turn. */
  get free(): boolean {
    return !this.#wire.congested && this.#waiting.size === 0;
  }

  wait(sender: Sender): void {
    this.#waiting.add(sender);
  }

  leave(sender: Sender): void {
    this.#waiting.delete(sender);
  }

  #pump(): void {
    while (!this.#wire.congested && !this.#wire.closed) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#waiting.delete(next);
      if (next.turn()) this.#waiting.add(next);
    }
  }
}
