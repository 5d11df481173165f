import type { Socket } from 'node:net';

/**
 * Sockets that asked for a link and have not registered yet. Their number is bounded. Filling it does
 * not lock agents out: the socket that has been silent longest makes room for the next.
 */
export class PendingRegistrations {
  readonly #limit: number;
  /** In the order they came; those that said who they are are not among them. */
  readonly #silent = new Set<Socket>();
  readonly #waiting = new Set<Socket>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @returns false when there is no room, and nobody who could make any */
  enter(socket: Socket): boolean {
    if (this.#waiting.size >= this.#limit && !this.#sendOneAway()) return false;
    this.#waiting.add(socket);
    this.#silent.add(socket);
    socket.once('close', () => this.leave(socket));
    return true;
  }

  /** It said who it is, and waits for us now. */
  spoke(socket: Socket): void {
    this.#silent.delete(socket);
  }

  /** It has the word again, and may take long. */
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
