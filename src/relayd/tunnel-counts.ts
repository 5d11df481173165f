import type { Clock } from '../core/clock.ts';
import type { Visit } from '../relay/edge/observed-exchange.ts';

/** A tunnel that is gone for this long is forgotten (milliseconds). */
const FORGET_AFTER_MS = 3_600_000;
/** The largest number of series: agents choose their names, and each name is a series. */
const MAX_TUNNELS = 2_000;

export interface TunnelCount {
  requests: number;
  /** Bytes of answers' bodies. */
  responseBytes: number;
  /** Registrations after the first. */
  reconnects: number;
}

interface Entry extends TunnelCount {
  seenAt: number;
}

const NONE: TunnelCount = { requests: 0, responseBytes: 0, reconnects: 0 };

/** What passed through each tunnel. Only registrations make an entry: visitors may ask for any name. */
export class TunnelCounts {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  registered(name: string): void {
    const known = this.#entries.get(name);
    const seenAt = this.#clock.monotonic();
    // Last in the map is last seen.
    this.#entries.delete(name);
    this.#entries.set(
      name,
      known === undefined ? { ...NONE, seenAt } : { ...known, reconnects: known.reconnects + 1, seenAt },
    );
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_TUNNELS) break;
      this.#entries.delete(oldest);
    }
  }

  note({ name, responseBytes }: Visit): void {
    const entry = name === undefined ? undefined : this.#entries.get(name);
    if (entry === undefined) return;
    entry.requests += 1;
    entry.responseBytes += responseBytes;
    entry.seenAt = this.#clock.monotonic();
  }

  of(name: string): TunnelCount {
    const { requests, responseBytes, reconnects } = this.#entries.get(name) ?? NONE;
    return { requests, responseBytes, reconnects };
  }

  /** Every tunnel that is served, or was not long ago. */
  known(isServed: (name: string) => boolean): readonly (readonly [string, TunnelCount])[] {
    const now = this.#clock.monotonic();
    for (const [name, entry] of this.#entries) {
      if (isServed(name)) entry.seenAt = now;
      else if (now - entry.seenAt > FORGET_AFTER_MS) this.#entries.delete(name);
    }
    return [...this.#entries];
  }
}
