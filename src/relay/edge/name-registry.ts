import type { Clock, Timer } from '../../core/clock.ts';
import type { EdgeGuard } from '../link/edge-access.ts';
import type { ServingLink } from './serving-link.ts';

/** How long requests for a name that was just lost wait for its reconnect. */
const HOLD_MS = 2_000;
/** How long a lost name is remembered, and kept for whoever had it. */
const REMEMBER_MS = 60_000;
/** Requests of one name that wait at once, and lost names that are remembered: both are bounded. */
const MAX_WAITERS = 256;
const MAX_REMEMBERED = 10_000;

/** The link that serves a name. */
export interface NameHolder {
  readonly name: string;
  readonly identity: string;
  readonly link: ServingLink;
  /** Who may call. */
  readonly guard: EdgeGuard;
  /** The link's own name, in the logs of both sides. */
  readonly linkId: string;
  /** Unix milliseconds. */
  readonly openedAt: number;
  /** Where the agent dialled from. */
  readonly address?: string | undefined;
}

export type Waiter = (holder: NameHolder | undefined) => void;

interface Entry {
  /** Undefined: somebody asked for a name that nobody had yet. */
  identity: string | undefined;
  holder: NameHolder | undefined;
  readonly waiters: Set<Waiter>;
  /** Requests may still wait for the reconnect. */
  holding: boolean;
  timer: Timer | undefined;
}

/** Who serves which name: one holder each, and an old one can never remove its successor. */
export class NameRegistry {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #returnsUntil: number;
  #remembered = 0;

  /** @param returnsMs how long from now on names may come back that an earlier relay had (milliseconds) */
  constructor(clock: Clock, returnsMs = 0) {
    this.#clock = clock;
    this.#returnsUntil = clock.monotonic() + returnsMs;
  }

  /** The live holder of a name. */
  find(name: string): NameHolder | undefined {
    return this.#entries.get(name)?.holder;
  }

  /** Every live holder. */
  *holders(): Iterable<NameHolder> {
    for (const { holder } of this.#entries.values()) if (holder !== undefined) yield holder;
  }

  /** The name was live a moment ago. */
  remembers(name: string): boolean {
    return this.#entries.has(name);
  }

  /**
   * Gives a name to `holder`, from now on. Waiting requests are woken by `wake`, once the holder
   * can take them.
   *
   * @returns the holder it replaces, if any; `taken` when another identity has the name
   */
  claim(name: string, holder: NameHolder): { readonly replaced: NameHolder | undefined } | 'taken' {
    const entry = this.#entries.get(name);
    if (entry?.identity !== undefined && entry.identity !== holder.identity) return 'taken';
    if (entry === undefined) {
      const { identity } = holder;
      this.#entries.set(name, { identity, holder, waiters: new Set(), holding: false, timer: undefined });
      return { replaced: undefined };
    }
    const replaced = entry.holder;
    if (replaced === undefined) this.#remembered--;
    entry.timer?.cancel();
    entry.timer = undefined;
    entry.identity = holder.identity;
    entry.holder = holder;
    return { replaced };
  }

  wake(name: string): void {
    const entry = this.#entries.get(name);
    if (entry !== undefined) settle(entry);
  }

  /**
   * `holder` serves the name no more. Does nothing if somebody else does by now.
   *
   * @param forGood no reconnect is expected: the name is free at once
   */
  release(name: string, holder: NameHolder, forGood: boolean): void {
    const entry = this.#entries.get(name);
    if (entry?.holder !== holder) return;
    if (forGood || this.#remembered >= MAX_REMEMBERED) {
      this.#entries.delete(name);
      return;
    }
    entry.holder = undefined;
    entry.holding = true;
    this.#remembered++;
    entry.timer = this.#clock.setTimer(() => {
      entry.holding = false;
      settle(entry);
      entry.timer = this.#clock.setTimer(() => this.#forget(name, entry), REMEMBER_MS - HOLD_MS);
    }, HOLD_MS);
  }

  /**
   * Calls back with the next holder of a name that was just lost, or that may yet come back after our
   * own start, or with undefined when none came in time. Returns how to stop waiting, or undefined when there is nothing to wait for.
   */
  wait(name: string, waiter: Waiter): (() => void) | undefined {
    const entry = this.#entries.get(name) ?? this.#expect(name);
    if (entry === undefined || !entry.holding || entry.waiters.size >= MAX_WAITERS) return undefined;
    entry.waiters.add(waiter);
    return () => entry.waiters.delete(waiter);
  }

  /** Forgets everything; whoever waits is told that nothing comes. */
  close(): void {
    for (const entry of this.#entries.values()) {
      entry.timer?.cancel();
      entry.holder = undefined;
      settle(entry);
    }
    this.#entries.clear();
    this.#remembered = 0;
  }

  #expect(name: string): Entry | undefined {
    if (this.#clock.monotonic() >= this.#returnsUntil || this.#remembered >= MAX_REMEMBERED) return undefined;
    const waiters = new Set<Waiter>();
    const entry: Entry = { identity: undefined, holder: undefined, waiters, holding: true, timer: undefined };
    this.#entries.set(name, entry);
    this.#remembered++;
    entry.timer = this.#clock.setTimer(() => {
      this.#forget(name, entry);
      settle(entry);
    }, HOLD_MS);
    return entry;
  }

  #forget(name: string, entry: Entry): void {
    if (this.#entries.get(name) !== entry || entry.holder !== undefined) return;
    this.#entries.delete(name);
    this.#remembered--;
  }
}

function settle(entry: Entry): void {
  const waiters = [...entry.waiters];
  entry.waiters.clear();
  for (const waiter of waiters) waiter(entry.holder);
}
