import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface BearerShim extends AsyncDisposable {
  readonly url: URL;
}

/**
 * A loopback server that adds a bearer token to every request, for programs that have no option for
 * headers. Its own name in Host and Origin becomes the target's; foreign names pass as they are, so
 * that a rebinding attempt reaches the other side as such.
 */
export async function startBearerShim(target: URL, token: string): Promise<BearerShim> {
  const server = http.createServer((request, response) => {
    const own = `127.0.0.1:${portOf(server)}`;
    const { host, origin, ...headers } = request.headers;
    const named = {
      host: host === own ? target.host : host,
      ...(origin === undefined ? {} : { origin: origin === `http://${own}` ? target.origin : origin }),
    };
    const forwarded = http.request(
      {
        host: target.hostname,
        port: target.port,
        method: request.method,
        path: request.url,
        headers: { ...headers, ...named, authorization: `Bearer ${token}` },
        agent: false,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        response.flushHeaders();
        answer.pipe(response);
        answer.on('error', () => response.destroy());
      },
    );
    forwarded.on('error', () => response.destroy());
    request.pipe(forwarded);
    response.on('close', () => forwarded.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.port = String(portOf(server));
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function portOf(server: http.Server): number {
  return (server.address() as AddressInfo).port;
}
