import { randomUUID } from 'node:crypto';
import type { EdgeAccess } from '../../access/edge-access.ts';
import { sleep, type Timer } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { lost, type SessionEnd } from '../../core/session-end.ts';
import { type AgentLink, type AgentLinkOptions, openAgentLink } from './agent-link.ts';
import type { LinkCheck } from './link-checks.ts';

/** Once nothing is left to serve with, the next link may take this long: so long the relay lets visitors wait. */
const GAP_MS = 2_000;
/** A link that lived this long was no part of a row of failures. */
const SETTLED_MS = 5_000;
const FIRST_RETRY_MS = 50;
/** While the relay shuts down its successor may appear any moment; a second link can wait. */
const MAX_RETRY_MS = { handover: 1_000, partner: 30_000 } as const;

export interface AgentSessionOptions extends AgentLinkOptions {
  /** Links to hold at once, all serving the same name. A relay that knows of none keeps it at one. */
  readonly links: 1 | 2;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** A registration that outlives the connections it is served over. */
export type AgentSession = Pick<AgentLink, 'publicUrl' | 'closed' | 'setAccess' | 'check' | 'close'>;

/**
 * Dials a relay, registers `name` and serves it. When the relay asks to dial again (it shuts down,
 * or sheds), the next link is made before the old one ends, under the same public URL.
 *
 * @throws {TunneldError} as `openAgentLink`
 */
export async function openAgentSession(options: AgentSessionOptions): Promise<AgentSession> {
  const links = new SessionLinks(options);
  await links.open();
  return links;
}

class SessionLinks implements AgentSession {
  publicUrl: URL;
  readonly closed: Promise<SessionEnd>;
  readonly #options: AgentSessionOptions;
  /** Tells the relay that several links are one agent's, not one after another. */
  readonly #group: string | undefined;
  #wanted: number;
  #access: EdgeAccess | undefined;
  /** With the time each was opened. */
  readonly #serving = new Map<AgentLink, number>();
  /** Told to go: they finish what they have, and take what still comes. */
  readonly #leaving = new Set<AgentLink>();
  /** What fails in a row is tried less and less often. */
  #failures = 0;
  #dialling: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;
  #attempting = false;
  /** The relay will not have us any more. */
  #verdict: SessionEnd | undefined;
  /** Why the last link that is gone went. */
  #last: SessionEnd = lost('the relay ended the link');
  #gap: Timer | undefined;
  #end: SessionEnd | undefined;
  #settle: (end: SessionEnd) => void = () => {};

  constructor(options: AgentSessionOptions) {
    this.#options = options;
    this.publicUrl = options.relayUrl;
    this.#wanted = options.links;
    this.#group = options.links > 1 ? randomUUID() : undefined;
    this.#access = options.access;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  async open(): Promise<void> {
    const { signal, announce } = this.#options;
    await this.#dial(signal, (publicUrl) => {
      this.publicUrl = publicUrl;
      announce?.(publicUrl);
    });
    this.#review();
  }

  setAccess(access: EdgeAccess | undefined): void {
    this.#access = access;
    for (const link of [...this.#serving.keys(), ...this.#leaving]) link.setAccess(access);
  }

  async check(signal: AbortSignal): Promise<LinkCheck> {
    const [link] = [...this.#serving.keys(), ...this.#leaving];
    if (link === undefined) return { kind: 'unknown', detail: 'there is no link to the relay now' };
    return await link.check(signal);
  }

  async close(): Promise<void> {
    const links = [...this.#serving.keys(), ...this.#leaving];
    const dialling = this.#dialling;
    this.#finish({ reason: 'closed-by-us' });
    await Promise.all([dialling?.done, ...links.map((link) => link.close())]);
  }

  /** Opens a link and lets it serve. Rejects as `openAgentLink` does. */
  async #dial(signal: AbortSignal, announce: (publicUrl: URL) => void): Promise<void> {
    let link: AgentLink | undefined;
    let drained = false;
    const access = this.#access;
    const { access: _first, ...options } = this.#options;
    link = await openAgentLink({
      ...options,
      ...(access === undefined ? {} : { access }),
      ...(this.#group === undefined ? {} : { group: this.#group }),
      announce,
      signal,
      onDraining: () => {
        drained = true;
        if (link !== undefined) this.#leave(link);
      },
    });
    if (this.#access !== access) link.setAccess(this.#access);
    this.#adopt(link);
    if (drained) this.#leave(link);
  }

  #adopt(link: AgentLink): void {
    const { log, name, clock } = this.#options;
    void link.closed.then((end) => this.#ended(link, end));
    if (this.#end !== undefined) {
      void link.close();
      return;
    }
    if (link.publicUrl.href !== this.publicUrl.href) {
      log.warn({ name, publicUrl: link.publicUrl.href }, 'the relay gave another public URL this time');
      this.#wanted = 0;
      void link.close();
      return;
    }
    this.#gap?.cancel();
    this.#gap = undefined;
    this.#verdict = undefined;
    if (!link.grouped) {
      // The relay took it for a successor.
      this.#wanted = Math.min(this.#wanted, 1);
      for (const old of this.#serving.keys()) this.#leaving.add(old);
      this.#serving.clear();
    }
    this.#serving.set(link, clock.monotonic());
    if (this.#leaving.size > 0) log.info({ name, link: link.id }, 'serving over a new link');
    for (const old of this.#leaving) old.retire();
  }

  /** The relay asked us to dial again. */
  #leave(link: AgentLink): void {
    const openedAt = this.#serving.get(link);
    if (openedAt === undefined || this.#end !== undefined) return;
    this.#serving.delete(link);
    this.#leaving.add(link);
    this.#forgive(openedAt);
    this.#review();
  }

  #ended(link: AgentLink, end: SessionEnd): void {
    const openedAt = this.#serving.get(link);
    this.#serving.delete(link);
    this.#leaving.delete(link);
    if (this.#end !== undefined) return;
    // Another agent took the name over: no further link of ours may take it back.
    const forGood = end.reason === 'ended' && (!end.error.retryable || end.error.code === 'RELAY_NAME_HELD');
    if (end.reason === 'ended' && !forGood) this.#last = end;
    // Our own successor supersedes a link that was told to go.
    else if (end.reason === 'ended' && (openedAt !== undefined || this.#serving.size === 0))
      this.#verdict = end;
    if (openedAt !== undefined) this.#forgive(openedAt);
    this.#review();
  }

  #forgive(openedAt: number): void {
    if (this.#options.clock.monotonic() - openedAt >= SETTLED_MS) this.#failures = 0;
  }

  /** Decides after every change: go on, dial, wait for the link being dialled, or end. */
  #review(): void {
    if (this.#end !== undefined) return;
    const alive = this.#serving.size + this.#leaving.size > 0;
    if (alive) {
      if (this.#serving.size < this.#wanted && this.#verdict === undefined) this.#dialOn();
      return;
    }
    if (this.#verdict !== undefined && !this.#attempting) this.#finish(this.#verdict);
    else if (this.#dialling === undefined) this.#finish(this.#last);
    else if (this.#gap === undefined) {
      const { clock } = this.#options;
      this.#gap = clock.setTimer(() => this.#finish(this.#verdict ?? this.#last), GAP_MS);
    }
  }

  #dialOn(): void {
    if (this.#dialling !== undefined) return;
    const stop = new AbortController();
    const done = this.#dialUntilEnough(stop.signal).then(() => {
      this.#dialling = undefined;
      this.#review();
    });
    this.#dialling = { stop, done };
  }

  async #dialUntilEnough(signal: AbortSignal): Promise<void> {
    const { clock, log, name, random } = this.#options;
    while (!signal.aborted && this.#serving.size < this.#wanted && this.#verdict === undefined) {
      if (this.#failures > 0) {
        const most = MAX_RETRY_MS[this.#serving.size > 0 ? 'partner' : 'handover'];
        const delayMs = Math.min(most, FIRST_RETRY_MS * 2 ** (this.#failures - 1)) * (0.5 + random() / 2);
        await sleep(clock, delayMs, signal).catch(() => {});
        if (signal.aborted) return;
      }
      this.#failures = Math.min(this.#failures + 1, 16);
      this.#attempting = true;
      try {
        await this.#dial(signal, () => {});
      } catch (err) {
        if (signal.aborted) return;
        log.info({ err, name }, 'no further link to the relay yet');
        if (!(err instanceof TunneldError && err.retryable)) this.#wanted = this.#serving.size;
      } finally {
        this.#attempting = false;
      }
    }
  }

  #finish(end: SessionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#gap?.cancel();
    this.#dialling?.stop.abort(new Error('the tunnel was closed'));
    this.#settle(end);
  }
}
