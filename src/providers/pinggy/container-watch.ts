import { type Clock, sleep } from '../../core/clock.ts';
import { Engine } from './engine.ts';
import type { EngineSearch } from './engine-address.ts';
import { engineStatus } from './engine-errors.ts';

/** How a container stopped being of use. */
export type Fate =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly outOfMemory: boolean }
  | { readonly kind: 'paused' }
  | { readonly kind: 'removed' };

export interface WatchOptions {
  readonly id: string;
  /** As the engine gave it: another one means that the container was started again. */
  readonly startedAt: string;
  readonly search: EngineSearch;
  readonly clock: Clock;
  /** Called once. */
  onFate(fate: Fate): void;
  onEngineLost(): void;
  /** The engine is back, and the container ran through it. */
  onEngineBack(engine: Engine): void;
}

const RECONNECT_MS = 500;

/**
 * Watches one container through the engine's event stream. The engine may go away and come back:
 * with live-restore, or under Podman, its containers run on meanwhile.
 */
export class ContainerWatch {
  readonly #options: WatchOptions;
  readonly #stopped = new AbortController();
  #engine: Engine;

  constructor(engine: Engine, options: WatchOptions) {
    this.#engine = engine;
    this.#options = options;
    void this.#run();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const fate = await this.#watchEvents();
        if (fate !== undefined) {
          if (!signal.aborted) this.#options.onFate(fate);
          return;
        }
      } catch {
        // Any failure here means the same: this engine connection is over.
      }
      if (signal.aborted) return;
      this.#options.onEngineLost();
      await this.#reconnect().catch(() => {});
    }
  }

  /** Undefined when the event stream ended with the container still good. */
  async #watchEvents(): Promise<Fate | undefined> {
    const { docker } = this.#engine;
    // Not filtered by kind: Docker and Podman name them differently. Any event is a reason to look.
    const filters = { type: ['container' as const], container: [this.#options.id] };
    const abortSignal = this.#stopped.signal;
    const events = await this.#engine.call('report events', () => docker.getEvents({ filters, abortSignal }));
    // Looked at after subscribing, so that nothing falls between.
    let fate = await this.#look();
    if (fate !== undefined) return fate;
    for await (const _ of events) {
      fate = await this.#look();
      if (fate !== undefined) return fate;
    }
    return undefined;
  }

  async #look(): Promise<Fate | undefined> {
    const container = this.#engine.docker.getContainer(this.#options.id);
    try {
      const { State } = await this.#engine.call('inspect its container', () => container.inspect());
      if (State.Paused) return { kind: 'paused' };
      if (State.Running && State.StartedAt === this.#options.startedAt) return undefined;
      return { kind: 'exited', exitCode: State.ExitCode, outOfMemory: State.OOMKilled };
    } catch (error) {
      if (engineStatus(error) === 404) return { kind: 'removed' };
      throw error;
    }
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#stopped;
    const { clock, search } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, RECONNECT_MS, signal);
      const engine = await Engine.connect(search, signal).catch(() => undefined);
      if (engine === undefined) continue;
      this.#engine = engine;
      // A fate is reported by the next round; only a container that lives is news here.
      if ((await this.#look()) === undefined) this.#options.onEngineBack(engine);
      return;
    }
  }
}
