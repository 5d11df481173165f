import type { Clock, Timer } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import { Engine } from './engine.ts';
import type { EngineSearch } from './engine-address.ts';
import { engineStatus } from './engine-errors.ts';

const RETRY_MS = 2_000;

/** Removes containers; those it cannot remove now (no engine), as soon as the engine is back. */
export class Removals {
  readonly #search: EngineSearch;
  readonly #clock: Clock;
  readonly #pending = new Map<string, Logger>();
  #timer: Timer | undefined;

  constructor(search: EngineSearch, clock: Clock) {
    this.#search = search;
    this.#clock = clock;
  }

  /** Never rejects: what could not be done now is tried again later. */
  async remove(engine: Engine, id: string, log: Logger): Promise<void> {
    try {
      await removeContainer(engine, id);
      this.#pending.delete(id);
    } catch (error) {
      log.warn({ err: error, container: id.slice(0, 12) }, 'container could not be removed yet');
      this.#pending.set(id, log);
      this.#retryLater();
    }
  }

  /** A last try for what is pending. */
  async dispose(): Promise<void> {
    this.#timer?.cancel();
    await this.#retry();
    this.#timer?.cancel();
  }

  #retryLater(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(() => void this.#retry(), RETRY_MS);
  }

  async #retry(): Promise<void> {
    if (this.#pending.size === 0) return;
    const engine = await Engine.connect(this.#search).catch(() => undefined);
    if (engine === undefined) {
      this.#retryLater();
      return;
    }
    for (const [id, log] of [...this.#pending]) await this.remove(engine, id, log);
  }
}

/** Kills and removes; one that is gone already is fine. */
export async function removeContainer(engine: Engine, id: string): Promise<void> {
  const container = engine.docker.getContainer(id);
  const remove = () =>
    container.remove({ force: true, v: true }).catch((error: unknown) => {
      // 409: it is being removed at this moment.
      const status = engineStatus(error);
      if (status !== 404 && status !== 409) throw error;
    });
  await engine.call('remove a container', remove);
}
