/** Streams grant no more than this, whatever the way (bytes). */
export const MAX_GROWN_WINDOW_BYTES = 8_388_608;

/** Bounds what the windows of many streams may grow to together, beyond what each has from the start. */
export class WindowBudget {
  readonly #limit: number;
  #used = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get used(): number {
    return this.#used;
  }

  /** Says whether there is room, and takes it. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
  }
}
