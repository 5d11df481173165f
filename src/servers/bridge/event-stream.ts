import type { ServerResponse } from 'node:http';

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // nginx would collect the events otherwise.
  'x-accel-buffering': 'no',
} as const;

/** The answer to one request, as an event stream. A reader that takes nothing is cut off, not waited for. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #mostWaiting: number;

  /** @param mostWaiting what may wait for the reader (bytes) */
  constructor(response: ServerResponse, mostWaiting: number, headers: Readonly<Record<string, string>> = {}) {
    this.#response = response;
    this.#mostWaiting = mostWaiting;
    response.writeHead(200, { ...HEADERS, ...headers });
    response.flushHeaders();
  }

  get open(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed;
  }

  /** @param data one line */
  event(data: string, { id, name }: { readonly id?: string; readonly name?: string } = {}): void {
    if (!this.open) return;
    const head = `${name === undefined ? '' : `event: ${name}\n`}${id === undefined ? '' : `id: ${id}\n`}`;
    this.#response.write(`${head}data: ${data}\n\n`);
    if (this.#response.writableLength > this.#mostWaiting) this.#response.destroy();
  }

  /** An event without data: gives the client an id to come back with, and says how soon. */
  prime(id: string, retryMs: number): void {
    if (this.open) this.#response.write(`id: ${id}\nretry: ${retryMs}\ndata: \n\n`);
  }

  end(): void {
    if (this.open) this.#response.end();
  }
}
