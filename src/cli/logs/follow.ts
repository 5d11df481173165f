import { type FSWatcher, watch } from 'node:fs';
import { sleep } from '../../core/clock.ts';
import type { CliIo } from '../io.ts';
import { type LogEntry, parseEntry } from './log-entry.ts';
import { listLogs } from './log-files.ts';
import { LogTail } from './log-tail.ts';

/** Where the system does not tell of changes (network folders), they show after this (milliseconds). */
const POLL_MS = 250;

/**
 * What is logged from now on, in batches ordered by time. Ends by `signal`, whose reason it throws.
 *
 * @param ends where each log was read to; those not in it are read from their beginning
 * @param name follow this one only; undefined: all, also those that appear later
 */
export async function* follow(
  dir: string,
  name: string | undefined,
  ends: ReadonlyMap<string, number>,
  clock: CliIo['clock'],
  signal: AbortSignal,
): AsyncGenerator<readonly LogEntry[], never> {
  const tails = new Map([...ends].map(([log, end]) => [log, new LogTail(dir, log, end)]));
  const changes = new Changes(dir);
  try {
    for (;;) {
      const changed = changes.next(clock, signal);
      // Awaited below; an interruption during the reading must not count as unhandled until then.
      changed.catch(() => {});
      for (const log of name === undefined ? await listLogs(dir) : []) {
        if (!tails.has(log.name)) tails.set(log.name, new LogTail(dir, log.name, 0));
      }
      const lines = (await Promise.all([...tails.values()].map((tail) => tail.read()))).flat();
      const entries = lines.flatMap((line) => parseEntry(line) ?? []);
      if (entries.length > 0) yield entries.toSorted((a, b) => a.time - b.time);
      await changed;
    }
  } finally {
    changes.close();
    await Promise.all([...tails.values()].map((tail) => tail.close()));
  }
}

/** Tells when it is worth looking again: at once when the system says so, else every now and then. */
class Changes {
  readonly #watcher: FSWatcher | undefined;
  #wake: (() => void) | undefined;

  constructor(dir: string) {
    try {
      this.#watcher = watch(dir, () => this.#wake?.());
      this.#watcher.on('error', () => {});
    } catch {
      // No more watches to be had, or no folder yet: polling alone does it.
    }
  }

  /** Listens from the call on, so that a change during the reading that follows is not missed. */
  async next(clock: CliIo['clock'], signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    try {
      await sleep(clock, POLL_MS, AbortSignal.any([signal, woken.signal]));
    } catch {
      signal.throwIfAborted();
    }
  }

  close(): void {
    this.#watcher?.close();
  }
}
