import type { Socket } from 'node:net';

/**
 * Sockets that asked for a link and have not registered yet. Their number is bounded. Filling it does
 * not lock agents out: the socket that has been silent longest makes room for the next.
 */
export class PendingRegistrations {
  readonly #limit: number;
  /** Those that have not said who they are, in the order they came. */
  readonly #silent = new Set<Socket>();
  readonly #waiting = new Set<Socket>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @returns false when there is no room, and no silent socket to close for it */
  enter(socket: Socket): boolean {
    if (this.#waiting.size >= this.#limit && !this.#sendOneAway()) return false;
    this.#waiting.add(socket);
    this.#silent.add(socket);
    socket.once('close', () => this.leave(socket));
    return true;
  }

  /** The agent said who it is, and waits for our answer. */
  spoke(socket: Socket): void {
    this.#silent.delete(socket);
  }

  /** The agent was asked something: it counts as silent again. */
  listens(socket: Socket): void {
    if (this.#waiting.has(socket)) this.#silent.add(socket);
  }

  leave(socket: Socket): void {
    this.#waiting.delete(socket);
    this.#silent.delete(socket);
  }

  close(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  #sendOneAway(): boolean {
    for (const socket of this.#silent) {
      // Not when `close` comes: the next one may ask before that.
      this.leave(socket);
      socket.destroy();
      return true;
    }
    return false;
  }
}
