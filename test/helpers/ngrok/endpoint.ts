import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Certificate } from '../certificate.ts';
import type { MuxadoSession } from './muxado.ts';
import { TestPolicy } from './policy.ts';
import { proxyHead } from './rpc.ts';

/** The public side of one domain: what visitors reach, whoever holds the domain at the moment. */
export class TestEndpoint {
  readonly domain: string;
  /** Requests of visitors, `METHOD path`, refused ones included. */
  readonly visits: string[] = [];
  /** What the edge answers instead of forwarding: one of ngrok's own error pages. */
  interference: { readonly status: number; readonly code: string } | undefined;
  readonly #server: https.Server;
  readonly #sockets = new Set<Socket>();
  #holder: { readonly id: string; readonly session: MuxadoSession; readonly policy: TestPolicy } | undefined;

  private constructor(domain: string, certificate: Certificate) {
    this.domain = domain;
    this.#server = https.createServer({ ...certificate, keepAliveTimeout: 500 }, (request, response) => {
      this.#visit(request, response);
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
    });
    this.#server.on('tlsClientError', () => {});
  }

  static async open(domain: string, certificate: Certificate): Promise<TestEndpoint> {
    const endpoint = new TestEndpoint(domain, certificate);
    endpoint.#server.listen(0, '127.0.0.1');
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `https://localhost:${port}`;
  }

  /** The session that holds the domain. */
  get holder(): MuxadoSession | undefined {
    return this.#holder?.session;
  }

  get id(): string | undefined {
    return this.#holder?.id;
  }

  /** @throws when the edge does not understand the policy */
  bind(id: string, session: MuxadoSession, policy: string): void {
    this.#holder = { id, session, policy: new TestPolicy(policy) };
  }

  unbind(id: string): void {
    if (this.#holder?.id === id) this.#holder = undefined;
  }

  release(session: MuxadoSession): void {
    if (this.#holder?.session === session) this.#holder = undefined;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #visit(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.visits.push(`${request.method} ${request.url}`);
    const refuse = (status: number, code: string) => {
      request.resume();
      response.writeHead(status, { 'ngrok-error-code': code, 'content-type': 'text/html' }).end(code);
    };
    if (this.interference !== undefined) {
      refuse(this.interference.status, this.interference.code);
      return;
    }
    const holder = this.#holder;
    if (holder === undefined) {
      refuse(404, 'ERR_NGROK_3200');
      return;
    }
    const { method = 'GET', socket } = request;
    const decision = holder.policy.decide({
      method,
      address: socket.remoteAddress ?? '',
      header: (name) => request.headersDistinct[name] ?? [],
    });
    if (decision.kind === 'answer') {
      request.resume();
      response.writeHead(decision.status, decision.headers).end(decision.body);
      return;
    }
    const stream = holder.session.open();
    stream.write(proxyHead(holder.id, `${socket.remoteAddress}:${socket.remotePort}`));
    const forwarded = http.request({
      createConnection: () => stream as unknown as Socket,
      method,
      path: request.url,
      headers: {
        ...request.headers,
        'x-forwarded-for': [request.headers['x-forwarded-for'], socket.remoteAddress]
          .filter(Boolean)
          .join(','),
        'x-forwarded-proto': 'https',
        'x-forwarded-host': request.headers.host,
        ...decision.setHeaders,
      },
    });
    forwarded.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
      answer.on('aborted', () => response.destroy());
    });
    forwarded.on('error', () => {
      if (response.headersSent) response.destroy();
      else refuse(502, 'ERR_NGROK_3004');
    });
    response.on('close', () => {
      if (!response.writableFinished) stream.destroy();
    });
    request.pipe(forwarded);
  }
}
