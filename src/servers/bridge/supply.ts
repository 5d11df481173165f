import type { Clock, Timer } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import type { Channel, ChannelListener, ChannelSource } from './channel.ts';

export interface SupplyOptions {
  readonly source: ChannelSource;
  /** Channels at once. */
  readonly most: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Tries to make room for one more. */
  readonly makeRoom: () => Promise<void>;
  /** A channel ended by itself. */
  readonly onFailure: (failure: Failure) => void;
  /** Something that a state is made of is different. */
  readonly onChange: () => void;
}

export interface Failure {
  readonly error: TunneldError;
  /** Ends in a row without one that stood its ground. */
  readonly inARow: number;
  /** How long nothing is started (milliseconds). */
  readonly waitMs: number;
}

interface Live {
  /** Its first question was answered. */
  proven: boolean;
  /** When it was first asked something (monotonic milliseconds). */
  askedAt: number | undefined;
  patience: Timer | undefined;
}

const BASE_MS = 250;
const MOST_MS = 60_000;
/** One that answered before it ended may have done so for one client only; the others must not wait long. */
const MOST_AFTER_PROOF_MS = 2_000;
/** One that lived this long was no failed start. */
const STOOD_MS = 30_000;
/** `npx` may have to fetch the program first. */
const FIRST_ANSWER_MS = 120_000;

/**
 * Opens channels to one server, and no more than allowed. A server that ends again and again is
 * started ever more rarely: full jitter, so that many do not come back in step. Meanwhile callers get
 * the reason at once.
 */
export class Supply {
  readonly #options: SupplyOptions;
  readonly #alive = new Map<Channel, Live>();
  #inARow = 0;
  #notBefore = 0;
  #last: TunneldError | undefined;

  constructor(options: SupplyOptions) {
    this.#options = options;
  }

  /** Channels that are open. */
  get size(): number {
    return this.#alive.size;
  }

  /** Whether one that answered its first question is still there. */
  get someProven(): boolean {
    for (const { proven } of this.#alive.values()) if (proven) return true;
    return false;
  }

  /** Since when one waits for its first answer (monotonic milliseconds). */
  get waitingSince(): number | undefined {
    const since = [...this.#alive.values()].flatMap(({ proven, askedAt }) => (proven ? [] : (askedAt ?? [])));
    return since.length === 0 ? undefined : Math.min(...since);
  }

  /** How long nothing is started (milliseconds). */
  get waitMs(): number {
    return Math.max(0, this.#notBefore - this.#options.clock.monotonic());
  }

  /** @throws {TunneldError} `SERVERS_FULL`, or why the last one ended, while nothing is started */
  async open(listener: ChannelListener): Promise<Channel> {
    const { source, most, makeRoom } = this.#options;
    if (this.waitMs > 0 && this.#last !== undefined) throw this.#last;
    if (this.#alive.size >= most) await makeRoom();
    if (this.#alive.size >= most) {
      throw new TunneldError('SERVERS_FULL', `All ${most} processes of this server are in use`);
    }
    const channel = source.open(listener);
    this.#watch(channel);
    return channel;
  }

  /** It was asked something: from now on it owes an answer. */
  asked(channel: Channel): void {
    const { clock, onChange } = this.#options;
    const live = this.#alive.get(channel);
    if (live === undefined || live.askedAt !== undefined) return;
    live.askedAt = clock.monotonic();
    live.patience = clock.setTimer(() => {
      const text = `The server was started and did not answer its first question within ${FIRST_ANSWER_MS / 1_000} s`;
      void channel.close(new TunneldError('SERVER_SILENT', text));
    }, FIRST_ANSWER_MS);
    onChange();
  }

  /** Its first question was answered: the server works. */
  proven(channel: Channel): void {
    const live = this.#alive.get(channel);
    if (live === undefined || live.proven) return;
    live.proven = true;
    live.patience?.cancel();
    this.#last = undefined;
    this.#options.onChange();
  }

  /** The last end was our own doing: the next one may be started at once. */
  forgive(): void {
    this.#inARow = 0;
    this.#notBefore = 0;
    this.#last = undefined;
  }

  /** Ends one on purpose. */
  async end(channel: Channel): Promise<void> {
    this.#forget(channel);
    await channel.close();
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    await Promise.all([...this.#alive.keys()].map((channel) => this.end(channel)));
  }

  /** @returns what was known of it; undefined when it was ended on purpose */
  #forget(channel: Channel): Live | undefined {
    const live = this.#alive.get(channel);
    live?.patience?.cancel();
    this.#alive.delete(channel);
    return live;
  }

  #watch(channel: Channel): void {
    const { clock, onFailure, onChange } = this.#options;
    const startedAt = clock.monotonic();
    this.#alive.set(channel, { proven: false, askedAt: undefined, patience: undefined });
    void channel.closed.then((error) => {
      const live = this.#forget(channel);
      if (live !== undefined) {
        const stood = live.proven && clock.monotonic() - startedAt >= STOOD_MS;
        this.#inARow = stood ? 1 : this.#inARow + 1;
        this.#last = error;
        const waitMs = this.#wait(live);
        this.#notBefore = clock.monotonic() + waitMs;
        onFailure({ error, inARow: this.#inARow, waitMs });
      }
      onChange();
    });
  }

  #wait({ proven }: Live): number {
    // Most servers that worked are well when they are started again.
    if (proven && this.#inARow === 1) return 0;
    const most = proven ? MOST_AFTER_PROOF_MS : MOST_MS;
    return this.#options.random() * Math.min(most, BASE_MS * 2 ** Math.min(this.#inARow, 16));
  }
}
