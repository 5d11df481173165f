import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { lost, type SessionEnd } from '../../core/session-end.ts';
import { withResolvers } from '../../core/with-resolvers.ts';
import type { TunnelSession } from '../provider.ts';
import { readBanner } from './banner.ts';
import { ContainerLog } from './container-log.ts';
import { ContainerWatch, type Fate } from './container-watch.ts';
import { discoverUrl } from './discovery.ts';
import type { Engine } from './engine.ts';
import type { EngineSearch } from './engine-address.ts';
import { Liveness } from './liveness.ts';
import type { PinggyOptions } from './options.ts';
import type { Redactor } from './redactor.ts';
import type { Removals } from './removals.ts';
import { recognise } from './texts.ts';
import './errors.ts';

/** A container that exists, started by us now or by an earlier process of this daemon. */
export interface HeldContainer {
  readonly id: string;
  /** As the engine gives it: RFC 3339 with nanoseconds. */
  readonly startedAt: string;
  readonly debuggerPort: number | undefined;
}

export interface SessionDeps {
  readonly options: PinggyOptions;
  readonly search: EngineSearch;
  readonly removals: Removals;
  readonly redact: Redactor;
  /** Told the URL at once: visitors of an adopted container are there already. */
  readonly announce: (publicUrl: URL) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Pinggy's own limit for sessions without a token (https://pinggy.io/docs/). */
const FREE_SESSION_MS = 60 * 60_000;
/** How long the last words of a container may take to arrive after it ended. */
const LAST_WORDS_MS = 500;
/** Without a web debugger to ask, a lost engine is waited for this long. */
const ENGINE_PATIENCE_MS = 60_000;

/** One container, from the moment it runs until it is removed. */
export class PinggySession implements TunnelSession {
  readonly closed: Promise<SessionEnd>;
  readonly #container: HeldContainer;
  readonly #deps: SessionDeps;
  readonly #output: ContainerLog;
  readonly #watch: ContainerWatch;
  readonly #settle: (end: SessionEnd) => void;
  readonly #ended = new AbortController();
  #engine: Engine;
  #liveness: Liveness | undefined;
  #url: URL | undefined;

  constructor(engine: Engine, container: HeldContainer, deps: SessionDeps) {
    this.#engine = engine;
    this.#container = container;
    this.#deps = deps;
    const { promise, resolve } = withResolvers<SessionEnd>();
    this.closed = promise;
    this.#settle = resolve;
    this.#output = new ContainerLog(container.id, deps.redact, deps.log, () => deps.clock.monotonic());
    this.#watch = new ContainerWatch(engine, {
      id: container.id,
      startedAt: container.startedAt,
      search: deps.search,
      clock: deps.clock,
      onFate: (fate) => void this.#onFate(fate),
      onEngineLost: () => this.#onEngineLost(),
      onEngineBack: (back) => this.#onEngineBack(back),
    });
  }

  /**
   * Waits for the public URL. When none comes, the container is removed before this rejects.
   *
   * @param timeoutMs less than a new container gets, when adopting one that should serve already.
   */
  async opened(signal: AbortSignal, timeoutMs: number): Promise<this> {
    try {
      await this.#output.follow(this.#engine, 0);
      this.#url = await discoverUrl({
        debuggerPort: this.#container.debuggerPort,
        timeoutMs,
        clock: this.#deps.clock,
        signal: AbortSignal.any([signal, this.#ended.signal]),
        lines: () => this.#output.start,
      });
      if (!this.#ended.signal.aborted) this.#deps.announce(this.#url);
    } catch (error) {
      if (!this.#ended.signal.aborted) {
        await this.#end({ reason: 'closed-by-us' });
        throw error;
      }
      // The container ended first; what it printed says why.
      await this.closed;
      signal.throwIfAborted();
      throw this.#failure();
    }
    this.#watchLiveness(this.#url);
    return this;
  }

  get publicUrl(): URL {
    if (this.#url === undefined) throw new Error('The session has no URL yet');
    return this.#url;
  }

  get expiresAt(): number | undefined {
    const said = readBanner(this.#output.start).expiresInMs;
    const limit = said ?? (this.#deps.options.token === undefined ? FREE_SESSION_MS : undefined);
    return limit === undefined ? undefined : Date.parse(this.#container.startedAt) + limit;
  }

  async close(): Promise<void> {
    await this.#end({ reason: 'closed-by-us' });
    await this.closed;
  }

  async #onFate(fate: Fate): Promise<void> {
    if (fate.kind === 'exited') {
      const { clock } = this.#deps;
      const { promise, resolve } = withResolvers<void>();
      const timer = clock.setTimer(resolve, LAST_WORDS_MS);
      await Promise.race([this.#output.ended, promise]);
      timer.cancel();
    }
    await this.#end(lost(this.#describe(fate)));
  }

  #onEngineLost(): void {
    if (this.#ended.signal.aborted) return;
    this.#deps.log.warn('connection to the container engine lost');
    if (this.#liveness !== undefined) {
      void this.#liveness.check(true);
      return;
    }
    const { clock } = this.#deps;
    const gone = this.#engine;
    clock.setTimer(() => {
      if (this.#engine !== gone) return;
      const error = new TunneldError('ENGINE_UNREACHABLE', 'The container engine went away');
      void this.#end({ reason: 'ended', error });
    }, ENGINE_PATIENCE_MS);
  }

  #onEngineBack(engine: Engine): void {
    if (this.#ended.signal.aborted) return;
    this.#engine = engine;
    this.#deps.log.info('container engine is back; the container ran on');
    const since = Math.floor(this.#deps.clock.now() / 1000);
    this.#output.follow(engine, since).catch((error: unknown) => {
      this.#deps.log.warn({ err: error }, 'log of the container cannot be followed');
    });
  }

  #watchLiveness(publicUrl: URL): void {
    const { debuggerPort: port } = this.#container;
    if (port === undefined || this.#ended.signal.aborted) return;
    const { livenessIntervalMs: intervalMs, livenessTimeoutMs: timeoutMs } = this.#deps.options;
    this.#liveness = new Liveness({
      port,
      publicUrl,
      intervalMs,
      timeoutMs,
      clock: this.#deps.clock,
      onDead: (detail) => void this.#end(lost(detail)),
    });
  }

  /** First caller wins. Settles `closed` once the container is gone, or known to the removals. */
  async #end(end: SessionEnd): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#liveness?.stop();
    this.#watch.stop();
    await this.#deps.removals.remove(this.#engine, this.#container.id, this.#deps.log);
    this.#output.stop();
    this.#settle(end);
  }

  #describe(fate: Fate): string {
    switch (fate.kind) {
      case 'paused':
        return 'the container was paused';
      case 'removed':
        return 'the container was removed';
      case 'exited': {
        const said = this.#output.lastError;
        const why = fate.outOfMemory ? 'out of memory' : `exit code ${fate.exitCode}`;
        return said === '' ? `the container ended (${why})` : `the container ended (${why}): ${said}`;
      }
    }
  }

  #failure(): TunneldError {
    const known = recognise(this.#output.start);
    if (known !== undefined) {
      return new TunneldError(
        known.code,
        known.says,
        known.remedy === undefined ? {} : { remedy: known.remedy },
      );
    }
    const said = this.#output.lastError || this.#output.start.at(-1) || 'it said nothing';
    return new TunneldError('PINGGY_EXITED', `The Pinggy container ended before it gave a URL: ${said}`);
  }
}
