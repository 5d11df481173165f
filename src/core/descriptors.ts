import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

/** For files, listeners, links and questions of our own. */
const OWN = 64;
/** So many above the limit are told why they are turned away; the others are not. */
const TOLD = 16;

/**
 * The file descriptors that callers may take, at all listeners of a process together. A caller that
 * is let in and then finds none left for the server is worse off than one that is refused.
 */
export class DescriptorBudget {
  readonly #limit: number;
  #held = 0;

  /** @param limit descriptors */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** More are taken than there should be. */
  get scarce(): boolean {
    return this.#held > this.#limit;
  }

  /** So many more that a word of refusal would cost too much. */
  get exhausted(): boolean {
    return this.#held > this.#limit + TOLD;
  }

  /** @param count descriptors that it takes to serve this caller, its own socket included */
  hold(socket: Socket, count: number): void {
    this.#held += count;
    socket.once('close', () => {
      this.#held -= count;
    });
  }
}

let shared: DescriptorBudget | undefined;

/** That of this process. */
export function processDescriptors(): DescriptorBudget {
  shared ??= new DescriptorBudget(Math.max(OWN, openFilesLimit() - OWN));
  return shared;
}

/** The soft limit of this process; Infinity where the system does not say. Node has raised it to the hard one. */
function openFilesLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
