import type { EdgeGuard } from '../../access/edge-guard.ts';
import { BoundedMap } from '../../core/bounded-map.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { EdgeLink } from './edge-link.ts';

/** How long requests for a name that just went away wait for its next link. */
const HOLD_MS = 2_000;
/** How long a lost name is kept for the identity that had it. */
const KEEP_MS = 60_000;
/** How long a name that was live is called offline, not unknown: to an MCP client a 404 ends its session. */
const REMEMBER_MS = 3_600_000;
/** How long after our own start requests wait for names that an earlier relay may have had. */
const EXPECT_MS = 5_000;

/** Nothing here may grow with what strangers ask for, or with what one agent does. */
const MAX_WAITERS_OF_NAME = 256;
const MAX_WAITERS = 4_096;
const MAX_KEPT = 10_000;
const MAX_KEPT_OF_IDENTITY = 1_024;
const MAX_REMEMBERED = 10_000;
const MAX_EXPECTED = 1_000;

/** The link that serves a name. */
export interface NameHolder {
  readonly name: string;
  readonly identity: string;
  readonly link: EdgeLink;
  /** Who may call. */
  readonly guard: EdgeGuard;
  /** The link's own name, in the logs of both sides. */
  readonly linkId: string;
  /** Unix milliseconds. */
  readonly openedAt: number;
  /** Where the agent dialled from. */
  readonly address?: string | undefined;
}

export interface NameRegistryOptions {
  /** How long from now on names may come back that an earlier relay had (milliseconds); default 0. */
  readonly returnsMs?: number;
  /** Whether an earlier relay can have had the name; default: any. */
  expects?(name: string): boolean;
}

export type Waiter = (holder: NameHolder | undefined) => void;

/**
 * Why a holder serves its name no more. `lost`: it did not mean to, and the name is kept for it.
 * `left`: it said goodbye, and the name is free. `dismissed`: the operator ended it, and no request
 * waits for it.
 */
export type Departure = 'lost' | 'left' | 'dismissed';

interface Entry {
  /** The identity that may have the name; undefined: any. */
  identity: string | undefined;
  holder: NameHolder | undefined;
  readonly waiters: Set<Waiter>;
  /** Requests may still wait for the next link. */
  holding: boolean;
  timer: Timer | undefined;
}

/** Who serves which name: one holder each, and an old one can never remove its successor. */
export class NameRegistry {
  readonly #clock: Clock;
  readonly #options: NameRegistryOptions;
  /** Live names, those that were lost and are kept, and those that requests wait for. */
  readonly #entries = new Map<string, Entry>();
  /** Names that were live, and until when they are remembered (monotonic). */
  readonly #past = new BoundedMap<string, number>(MAX_REMEMBERED);
  /** How many lost names are kept for an identity. */
  readonly #kept = new Map<string, number>();
  readonly #startedAt: number;
  #keptNames = 0;
  #expected = 0;
  #waiters = 0;

  constructor(clock: Clock, options: NameRegistryOptions = {}) {
    this.#clock = clock;
    this.#options = options;
    this.#startedAt = clock.monotonic();
  }

  /** The live holder of a name. */
  find(name: string): NameHolder | undefined {
    return this.#entries.get(name)?.holder;
  }

  /** Every live holder. */
  *holders(): Iterable<NameHolder> {
    for (const { holder } of this.#entries.values()) if (holder !== undefined) yield holder;
  }

  /**
   * Whether a name that is not live may come back: `soon` when its link was just lost or may be on its
   * way after our own start, `later` when it was live within the hour.
   */
  returns(name: string): 'soon' | 'later' | undefined {
    const now = this.#clock.monotonic();
    if (this.#entries.has(name) || this.#mayHaveBeen(name)) return 'soon';
    return (this.#past.get(name) ?? 0) > now ? 'later' : undefined;
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
    this.#past.delete(name);
    const { identity } = holder;
    if (entry === undefined) {
      this.#entries.set(name, { identity, holder, waiters: new Set(), holding: false, timer: undefined });
      return { replaced: undefined };
    }
    const replaced = entry.holder;
    if (replaced === undefined) this.#uncount(entry);
    entry.timer?.cancel();
    entry.timer = undefined;
    entry.identity = identity;
    entry.holder = holder;
    return { replaced };
  }

  wake(name: string): void {
    const entry = this.#entries.get(name);
    if (entry !== undefined) this.#settle(entry);
  }

  /** `holder` serves the name no more. Does nothing if another holder does by now. */
  release(name: string, holder: NameHolder, departure: Departure): void {
    const entry = this.#entries.get(name);
    if (entry?.holder !== holder) return;
    entry.holder = undefined;
    if (departure === 'dismissed') {
      this.#entries.delete(name);
      return;
    }
    this.#past.set(name, this.#clock.monotonic() + REMEMBER_MS);
    const { identity } = holder;
    const keeps = departure === 'lost' && this.#mayKeep(identity);
    if (!keeps && this.#expected >= MAX_EXPECTED) {
      this.#entries.delete(name);
      return;
    }
    entry.identity = keeps ? identity : undefined;
    this.#count(entry);
    entry.holding = true;
    entry.timer = this.#clock.setTimer(() => {
      entry.holding = false;
      this.#settle(entry);
      if (keeps) entry.timer = this.#clock.setTimer(() => this.#forget(name, entry), KEEP_MS - HOLD_MS);
      else this.#forget(name, entry);
    }, HOLD_MS);
  }

  /**
   * Calls back with the next holder of a name that just went away, or that may yet come back after our
   * own start, or with undefined when none came in time.
   *
   * @returns how to stop waiting; undefined when there is nothing to wait for
   */
  wait(name: string, waiter: Waiter): (() => void) | undefined {
    if (this.#waiters >= MAX_WAITERS) return undefined;
    const entry = this.#entries.get(name) ?? this.#expect(name);
    if (entry === undefined || !entry.holding || entry.waiters.size >= MAX_WAITERS_OF_NAME) return undefined;
    entry.waiters.add(waiter);
    this.#waiters++;
    return () => {
      if (entry.waiters.delete(waiter)) this.#waiters--;
    };
  }

  /** Forgets everything; requests that wait are told that no holder comes. */
  close(): void {
    for (const entry of this.#entries.values()) {
      entry.timer?.cancel();
      entry.holder = undefined;
      this.#settle(entry);
    }
    this.#entries.clear();
    this.#past.clear();
    this.#kept.clear();
    this.#keptNames = 0;
    this.#expected = 0;
  }

  #expect(name: string): Entry | undefined {
    if (!this.#mayHaveBeen(name, EXPECT_MS) || this.#expected >= MAX_EXPECTED) return undefined;
    const waiters = new Set<Waiter>();
    const entry: Entry = { identity: undefined, holder: undefined, waiters, holding: true, timer: undefined };
    this.#entries.set(name, entry);
    this.#count(entry);
    entry.timer = this.#clock.setTimer(() => {
      this.#forget(name, entry);
      this.#settle(entry);
    }, HOLD_MS);
    return entry;
  }

  /** Before our own start, as far as can be known; no longer than `withinMs` (milliseconds) after it. */
  #mayHaveBeen(name: string, withinMs = Number.POSITIVE_INFINITY): boolean {
    const { returnsMs = 0, expects = () => true } = this.#options;
    const sinceStart = this.#clock.monotonic() - this.#startedAt;
    return sinceStart < Math.min(returnsMs, withinMs) && expects(name);
  }

  #forget(name: string, entry: Entry): void {
    if (this.#entries.get(name) !== entry || entry.holder !== undefined) return;
    this.#entries.delete(name);
    this.#uncount(entry);
  }

  #mayKeep(identity: string): boolean {
    return this.#keptNames < MAX_KEPT && (this.#kept.get(identity) ?? 0) < MAX_KEPT_OF_IDENTITY;
  }

  /** An entry without a holder counts among the kept names, or among those that are only waited for. */
  #count({ identity }: Entry): void {
    if (identity === undefined) {
      this.#expected++;
      return;
    }
    this.#keptNames++;
    this.#kept.set(identity, (this.#kept.get(identity) ?? 0) + 1);
  }

  #uncount({ identity }: Entry): void {
    if (identity === undefined) {
      this.#expected--;
      return;
    }
    this.#keptNames--;
    const left = (this.#kept.get(identity) ?? 1) - 1;
    if (left === 0) this.#kept.delete(identity);
    else this.#kept.set(identity, left);
  }

  #settle(entry: Entry): void {
    const waiters = [...entry.waiters];
    entry.waiters.clear();
    this.#waiters -= waiters.length;
    for (const waiter of waiters) waiter(entry.holder);
  }
}
