import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { systemClock } from '../../src/core/clock.ts';
import type { RequestEvent } from '../../src/core/request-event.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RawClient } from '../http1/raw-client.ts';

export const TOKEN = 'correct-horse-battery-staple';
export const BEARER = `Authorization: Bearer ${TOKEN}\r\n`;

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export type GatewayOverrides = Partial<Omit<GatewayOptions, 'limits' | 'access'>> & {
  limits?: Partial<GatewayOptions['limits']>;
  access?: Partial<GatewayOptions['access']>;
};

/** A gateway, its callers and its server; `end` checks that nothing of them is left. */
export class Bench {
  readonly events: RequestEvent[] = [];
  readonly gateway: Gateway;
  readonly #clients: RawClient[] = [];
  port = 0;

  constructor(upstreamPort: number, { limits, access, ...rest }: GatewayOverrides = {}) {
    this.gateway = new Gateway({
      tunnel: 'test',
      instance: 'i-1',
      upstream: {
        protocol: 'http:',
        host: '127.0.0.1',
        port: upstreamPort,
        hostHeader: `localhost:${upstreamPort}`,
      },
      access: { insecurePublic: false, queryToken: false, origins: [], ...access },
      probeKey: 'probe.key',
      limits: {
        concurrency: 100,
        connections: 100,
        firstByteTimeoutMs: 60_000,
        idleTimeoutMs: 60_000,
        ...limits,
      },
      sseKeepAliveMs: undefined,
      clock: systemClock,
      log: quiet,
      onRequest: (event) => void this.events.push(event),
      ...rest,
    });
    this.gateway.setTokens([{ id: 'one', sha256: sha256(TOKEN) }]);
  }

  async listen(): Promise<this> {
    this.port = Number((await this.gateway.listen()).port);
    return this;
  }

  connect(): RawClient {
    const client = new RawClient(this.port);
    this.#clients.push(client);
    return client;
  }

  /** Sends one request with the given header lines (each with its CRLF); Host is added unless given. */
  send(requestLine: string, headers = BEARER, body = ''): RawClient {
    const client = this.connect();
    const host = /^host:/im.test(headers) ? '' : `Host: 127.0.0.1:${this.port}\r\n`;
    client.send(`${requestLine} HTTP/1.1\r\n${host}${headers}\r\n${body}`);
    return client;
  }

  /** The whole answer to one request whose connection ends after it. */
  ask(requestLine: string, headers = BEARER, body = ''): Promise<string> {
    return this.send(requestLine, `${headers}Connection: close\r\n`, body).untilEnd();
  }

  event(): Promise<RequestEvent> {
    return waitFor(() => this.events.at(-1), { what: 'a request event' });
  }

  async end(): Promise<void> {
    for (const client of this.#clients) await client.close();
    await waitFor(() => this.gateway.active === 0, { what: 'every exchange to end' });
    await this.gateway.close();
    await waitFor(() => this.gateway.pool.connections === 0, { what: 'every upstream connection to end' });
  }
}

/** A server that is only a handler. */
export async function startHttp(listener: http.RequestListener, port = 0): Promise<http.Server> {
  const server = http.createServer(listener);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** A server that speaks in raw bytes. */
export async function startRaw(onSocket: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export function portOf(server: net.Server): number {
  return (server.address() as AddressInfo).port;
}

/** Connections the server still holds. */
function connectionsOf(server: net.Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}

/** Closes a server, once the gateway has let go of it. */
export async function stop(server: net.Server): Promise<void> {
  await waitFor(async () => (await connectionsOf(server)) === 0, { what: 'the server to be left alone' });
  server.close();
}

export function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4);
}
