import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../core/clock.ts';
import { type DaemonApi, PROTOCOL_VERSION, type StatusChange, type StreamLine } from './api.ts';
import { PROTOCOL_HEADER } from './routes.ts';

/**
 * While somebody watches: a sign of life, and what changes without an event of its own (requests in
 * flight, notes of a session), this often (milliseconds).
 */
const TICK_MS = 1_000;

/**
 * The open `/v1/events` answers: one JSON line an event. Each begins with every tunnel as it is now, so
 * that a watcher never misses a change between asking and watching. An empty line is a sign of life.
 */
export class EventStreams {
  readonly #api: DaemonApi;
  readonly #clock: Clock;
  readonly #alerts: () => readonly string[];
  readonly #open = new Map<ServerResponse, EventStream>();
  /** The last that watchers were told of each tunnel, as JSON. */
  readonly #told = new Map<string, string>();
  #unsubscribe: (() => void) | undefined;
  #timer: Timer | undefined;

  /** @param alerts what the user has to know besides; one sentence each */
  constructor(api: DaemonApi, clock: Clock, alerts: () => readonly string[]) {
    this.#api = api;
    this.#clock = clock;
    this.#alerts = alerts;
  }

  add(response: ServerResponse): void {
    response.writeHead(200, {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      [PROTOCOL_HEADER]: String(PROTOCOL_VERSION),
    });
    response.flushHeaders();
    response.once('close', () => this.#remove(response));
    const tunnels = this.#api.list();
    for (const status of tunnels) {
      if (!this.#told.has(status.name)) this.#told.set(status.name, JSON.stringify(status));
    }
    const stream = new EventStream(response);
    stream.send({ tunnels });
    stream.tellAlerts(this.#alerts());
    this.#open.set(response, stream);
    this.#unsubscribe ??= this.#api.subscribe((change) => this.#publish(change));
    this.#timer ??= this.#clock.setTimer(() => this.#tick(), TICK_MS);
  }

  /** Ends every stream properly, so that watchers see an end; breaks those whose reader stalls. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#open.keys()].map((response) => {
        if (response.writableNeedDrain) response.destroy();
        return new Promise<void>((resolve) => {
          response.once('close', resolve);
          if (response.destroyed) resolve();
          else response.end();
        });
      }),
    );
  }

  #publish(change: StatusChange): void {
    if ('removed' in change) this.#told.delete(change.removed);
    else this.#told.set(change.changed.name, JSON.stringify(change.changed));
    for (const stream of this.#open.values()) stream.send(change);
  }

  #tick(): void {
    for (const status of this.#api.list()) {
      if (this.#told.get(status.name) !== JSON.stringify(status)) this.#publish({ changed: status });
    }
    const alerts = this.#alerts();
    for (const stream of this.#open.values()) {
      stream.tellAlerts(alerts);
      stream.signOfLife();
    }
    this.#timer = this.#clock.setTimer(() => this.#tick(), TICK_MS);
  }

  #remove(response: ServerResponse): void {
    this.#open.delete(response);
    if (this.#open.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#told.clear();
  }
}

/** Writes events as fast as the reader takes them; for a slow one only the latest of each tunnel waits. */
class EventStream {
  readonly #response: ServerResponse;
  readonly #waiting = new Map<string, StreamLine>();
  #blocked = false;
  #alerts = '[]';

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('drain', () => {
      this.#blocked = false;
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const event of waiting) this.send(event);
    });
  }

  send(event: StreamLine): void {
    if (!this.#blocked) {
      this.#blocked = !this.#response.write(`${JSON.stringify(event)}\n`);
      return;
    }
    const about = subjectOf(event);
    this.#waiting.delete(about);
    this.#waiting.set(about, event);
  }

  tellAlerts(alerts: readonly string[]): void {
    const text = JSON.stringify(alerts);
    if (text === this.#alerts) return;
    this.#alerts = text;
    this.send({ alerts });
  }

  signOfLife(): void {
    if (!this.#blocked) this.#blocked = !this.#response.write('\n');
  }
}

/** What a later event of the same subject makes superfluous. No tunnel has a name with a blank. */
function subjectOf(event: StreamLine): string {
  if ('changed' in event) return event.changed.name;
  if ('removed' in event) return event.removed;
  return 'alerts' in event ? 'the alerts' : 'the list';
}
