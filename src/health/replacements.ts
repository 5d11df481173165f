/** How long after a replacement that changed nothing the next one is asked for: doubling (milliseconds). */
const FIRST_WAIT_MS = 5 * 60_000;
const LONGEST_WAIT_MS = 60 * 60_000;

/**
 * Remembers, across sessions, whether replacing one did any good. What the next session meets as well
 * is not the session's fault, and every replacement cuts off those who got through.
 */
export class Replacements {
  #inVain = 0;
  #nextAt = Number.NEGATIVE_INFINITY;

  /** @param now monotonic milliseconds */
  mayHelp(now: number): boolean {
    return now >= this.#nextAt;
  }

  /** When the next one may be asked for (monotonic milliseconds); undefined when it may now. */
  nextAt(now: number): number | undefined {
    return this.mayHelp(now) ? undefined : this.#nextAt;
  }

  asked(now: number): void {
    this.#nextAt = now + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#inVain);
    this.#inVain++;
  }

  /** The way to us was seen to work: whatever was done helped, or was not needed. */
  proven(): void {
    this.#inVain = 0;
    this.#nextAt = Number.NEGATIVE_INFINITY;
  }
}
