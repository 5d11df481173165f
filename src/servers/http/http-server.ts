import type { TunneldError } from '../../core/errors.ts';
import type { LocalServer, Upstream } from '../server.ts';

/** A server that runs without us and speaks HTTP: it only has an address. */
export class HttpServer implements LocalServer {
  readonly place: Upstream;
  readonly state = undefined;
  readonly closed = new Promise<TunneldError>(() => {});

  constructor(place: Upstream) {
    this.place = place;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}
}
