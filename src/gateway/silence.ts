/** Measures how long nothing was sent or received, from a byte count that is looked at now and then. */
export class Silence {
  #since: number;
  #progress = -1;

  /** @param now monotonic milliseconds */
  constructor(now: number) {
    this.#since = now;
  }

  /**
   * @param progress grows whenever something is sent or received
   * @returns milliseconds since it last grew, as far as earlier calls saw; undefined when it grew since the last
   */
  lasting(progress: number, now: number): number | undefined {
    if (progress === this.#progress) return now - this.#since;
    this.#progress = progress;
    this.#since = now;
    return undefined;
  }

  /** Milliseconds since the last progress that a call of `lasting` saw. */
  sinceSeen(now: number): number {
    return now - this.#since;
  }

  /** Something was sent that the byte count does not show. */
  interrupted(now: number): void {
    this.#since = now;
  }
}
