import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { listen, type TestServer } from './mcp-servers.ts';

export interface EdgeOptions {
  /** The server behind it. */
  readonly upstream: URL;
  readonly instance: string;
  readonly probeKey: string;
  readonly token: string;
}

/** Answers instead of the tunnel; true when it did. */
export type Interference = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface PublicEdge extends TestServer {
  /** Base URL, without the MCP path. */
  readonly publicUrl: URL;
  /** What to put in the way from now on. */
  interfere(interference: Interference | undefined): void;
}

/**
 * A public URL in one process: checks the token, passes everything on and adds the marker headers,
 * as provider and gateway do together. Tests put faults in its way.
 */
export async function startPublicEdge(options: EdgeOptions): Promise<PublicEdge> {
  let interference: Interference | undefined;
  const server = await listen((request, response) => {
    if (interference?.(request, response) === true) return;
    answer(request, response, options);
  });
  return Object.assign(server, {
    publicUrl: new URL(`http://127.0.0.1:${server.port}`),
    interfere(next: Interference | undefined) {
      interference = next;
    },
  });
}

function answer(request: IncomingMessage, response: ServerResponse, options: EdgeOptions): void {
  const [key, nonce] = String(request.headers['x-tunneld-probe'] ?? '').split('.');
  const markers = (upstream: string) => ({
    'x-tunneld': options.instance,
    'x-tunneld-upstream': upstream,
    ...(key === options.probeKey && nonce !== undefined && { 'x-tunneld-probe': nonce }),
  });
  const refuse = (status: number, upstream: string) => {
    request.resume();
    response.writeHead(status, { ...markers(upstream), 'content-type': 'application/json' }).end('{}');
  };
  if (request.headers.authorization !== `Bearer ${options.token}`) {
    refuse(401, 'n/a');
    return;
  }
  if (request.url === '/.tunneld/healthz') {
    refuse(200, 'n/a');
    return;
  }
  const { hostname, port } = options.upstream;
  const headers = { ...request.headers, host: `localhost:${port}` };
  delete headers.authorization;
  const onward = http.request({ host: hostname, port, path: request.url, method: request.method, headers });
  onward.on('response', (incoming) => {
    response.writeHead(incoming.statusCode ?? 0, { ...incoming.headers, ...markers('ok') });
    incoming.on('error', () => response.destroy()).pipe(response);
  });
  onward.on('error', () => {
    if (response.headersSent) response.destroy();
    else refuse(502, 'down');
  });
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}
