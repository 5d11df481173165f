import type { Clock } from '../../src/core/clock.ts';
import { sleep } from '../../src/core/clock.ts';
import type { SessionEnd } from '../../src/core/session-end.ts';
import type {
  OpenContext,
  OpenRequest,
  TunnelProvider,
  TunnelSession,
} from '../../src/providers/provider.ts';

/** What the next `open` does; the last one repeats. */
export type Script =
  | { readonly opens: 'at-once' | number; readonly expiresAt?: number; readonly close?: CloseScript }
  | { readonly fails: unknown; readonly afterMs?: number }
  | { readonly hangs: 'until-aborted' | 'for-ever' };

export type CloseScript = 'at-once' | 'rejects' | 'hangs' | number;

/** A provider that does what a test says and counts what is alive. */
export class ScriptedProvider implements TunnelProvider {
  readonly kind = 'scripted';
  overlaps = false;
  /** What the next looks between attempts find. */
  works = false;
  /** Of each attempt. */
  readonly insisted: boolean[] = [];
  readonly scripts: Script[];
  readonly #clock: Clock;
  opens = 0;
  /** Sessions opened and not told to close yet. */
  live = 0;
  mostLive = 0;
  sessions: ScriptedSession[] = [];

  constructor(clock: Clock, ...scripts: Script[]) {
    this.#clock = clock;
    this.scripts = scripts.length > 0 ? scripts : [{ opens: 'at-once' }];
  }

  get last(): ScriptedSession {
    const last = this.sessions.at(-1);
    if (last === undefined) throw new Error('no session was opened');
    return last;
  }

  mended(): Promise<boolean> {
    return Promise.resolve(this.works);
  }

  async open(_request: OpenRequest, { signal, insists = false }: OpenContext): Promise<TunnelSession> {
    this.opens += 1;
    this.insisted.push(insists);
    const script = this.scripts.length > 1 ? this.scripts.shift() : this.scripts[0];
    if (script === undefined) throw new Error('no script');
    if ('hangs' in script) {
      await new Promise((_resolve, reject) => {
        if (script.hangs === 'until-aborted') signal.addEventListener('abort', () => reject(signal.reason));
      });
    }
    if ('fails' in script) {
      if (script.afterMs !== undefined) await sleep(this.#clock, script.afterMs, signal);
      throw script.fails;
    }
    if (!('opens' in script)) throw new Error('unreachable');
    if (script.opens !== 'at-once') await sleep(this.#clock, script.opens, signal);
    signal.throwIfAborted();
    const session = new ScriptedSession(this, this.#clock, this.opens, script.expiresAt, script.close);
    this.sessions.push(session);
    this.live += 1;
    this.mostLive = Math.max(this.mostLive, this.live);
    return session;
  }
}

export class ScriptedSession implements TunnelSession {
  readonly publicUrl: URL;
  readonly expiresAt: number | undefined;
  readonly closed: Promise<SessionEnd>;
  readonly #provider: ScriptedProvider;
  readonly #clock: Clock;
  readonly #closeScript: CloseScript;
  #settle: (end: SessionEnd) => void = () => {};
  closeCalls = 0;
  #alive = true;

  constructor(
    provider: ScriptedProvider,
    clock: Clock,
    id: number,
    expiresAt: number | undefined,
    closeScript: CloseScript = 'at-once',
  ) {
    this.#provider = provider;
    this.#clock = clock;
    this.publicUrl = new URL(`http://public-${id}.test/`);
    this.expiresAt = expiresAt;
    this.#closeScript = closeScript;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Ends by itself, as a provider's session does. */
  end(end: SessionEnd): void {
    this.#dead();
    this.#settle(end);
  }

  async close(): Promise<void> {
    this.closeCalls += 1;
    this.#dead();
    if (this.#closeScript === 'rejects') throw new Error('docker is gone');
    if (this.#closeScript === 'hangs') await new Promise(() => {});
    if (typeof this.#closeScript === 'number') await sleep(this.#clock, this.#closeScript);
    this.#settle({ reason: 'closed-by-us' });
  }

  #dead(): void {
    if (this.#alive) this.#provider.live -= 1;
    this.#alive = false;
  }
}
