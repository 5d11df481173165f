import type { ServerResponse } from 'node:http';
import type { TunnelStatus } from '../core/status.ts';
import { type DaemonApi, PROTOCOL_VERSION } from './api.ts';
import { PROTOCOL_HEADER } from './routes.ts';

/**
 * The open `/v1/events` answers: one JSON line a status, beginning with every tunnel as it is now,
 * so that a watcher never misses a change between asking and watching.
 */
export class EventStreams {
  readonly #api: DaemonApi;
  readonly #open = new Set<ServerResponse>();

  constructor(api: DaemonApi) {
    this.#api = api;
  }

  add(response: ServerResponse): void {
    this.#open.add(response);
    response.writeHead(200, {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      [PROTOCOL_HEADER]: String(PROTOCOL_VERSION),
    });
    response.flushHeaders();
    const send = latestOnly(response);
    const unsubscribe = this.#api.subscribe(send);
    response.once('close', () => {
      unsubscribe();
      this.#open.delete(response);
    });
    this.#api.list().forEach(send);
  }

  /** Ends every stream properly, so that watchers see an end; breaks the ones nobody reads. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#open].map((response) => {
        if (response.writableNeedDrain) response.destroy();
        return new Promise<void>((resolve) => {
          response.once('close', resolve);
          if (response.destroyed) resolve();
          else response.end();
        });
      }),
    );
  }
}

/** Writes statuses as fast as the reader takes them; for a slow one only the latest of each tunnel waits. */
function latestOnly(response: ServerResponse): (status: TunnelStatus) => void {
  const waiting = new Map<string, TunnelStatus>();
  let blocked = false;
  const write = (status: TunnelStatus) => {
    if (blocked) {
      waiting.delete(status.name);
      waiting.set(status.name, status);
      return;
    }
    blocked = !response.write(`${JSON.stringify(status)}\n`);
  };
  response.on('drain', () => {
    blocked = false;
    const held = [...waiting.values()];
    waiting.clear();
    held.forEach(write);
  });
  return write;
}
