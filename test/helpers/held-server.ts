import type { ServerResponse } from 'node:http';
import { listen, type TestServer } from './mcp-servers.ts';
import { waitFor } from './wait-for.ts';

/** A server that answers probes at once, and a request to `/mcp/slow` when it is told to. */
export interface HeldServer extends TestServer {
  /** Slow requests that wait for their answers. */
  readonly waiting: number;
  /** Resolves once a slow request has arrived. */
  held(): Promise<void>;
  /** Answers them with 200 and `late`. */
  release(): void;
}

export async function startHeldServer(): Promise<HeldServer> {
  const waiting: ServerResponse[] = [];
  const server = await listen((request, response) => {
    if (request.url?.endsWith('/slow') === true) waiting.push(response);
    else response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
  });
  const held = {
    held: async () => {
      await waitFor(() => waiting.length > 0, { timeoutMs: 10_000, what: 'a slow request' });
    },
    release: () => {
      for (const response of waiting.splice(0)) response.writeHead(200).end('late');
    },
  };
  Object.defineProperty(server, 'waiting', { get: () => waiting.length });
  return Object.assign(server as TestServer & { readonly waiting: number }, held);
}

/** Asks for what is answered late. */
export async function askSlowly({ url, token }: { url: URL; token: string }): Promise<string> {
  const response = await fetch(`${url.href}/slow`, { headers: { authorization: `Bearer ${token}` } });
  return `${response.status} ${await response.text()}`;
}
