import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { createLogger, type Logger } from '../../src/core/log.ts';
import { Secret } from '../../src/core/secret.ts';
import { PINGGY_DEFAULTS, type PinggyOptions } from '../../src/providers/pinggy/options.ts';
import { PinggyProvider } from '../../src/providers/pinggy/provider.ts';
import type { PortRequest, TunnelSession } from '../../src/providers/provider.ts';
import { SSH_IMAGE, type TestEngine } from './docker-engine.ts';
import { PinggyEdge } from './pinggy-edge.ts';

export interface Visit {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** A provider on a real engine, an edge, and a stand-in for the gateway that echoes what it gets. */
export class PinggyHarness implements AsyncDisposable {
  readonly edge: PinggyEdge;
  readonly provider: PinggyProvider;
  readonly request: PortRequest;
  readonly log: Logger;
  readonly #engine: TestEngine;
  readonly #gateway: http.Server;
  readonly #logged: Buffer[];
  readonly #providers: PinggyProvider[] = [];

  private constructor(parts: {
    engine: TestEngine;
    edge: PinggyEdge;
    gateway: http.Server;
    request: PortRequest;
    options: Partial<PinggyOptions>;
  }) {
    this.#engine = parts.engine;
    this.edge = parts.edge;
    this.#gateway = parts.gateway;
    this.request = parts.request;
    this.#logged = [];
    const sink = new PassThrough().on('data', (chunk: Buffer) => this.#logged.push(chunk));
    this.log = createLogger('debug', sink);
    this.provider = this.anotherProvider(parts.options);
  }

  static async start(
    engine: TestEngine,
    options: Partial<PinggyOptions> = {},
    request: Partial<PortRequest> = {},
  ): Promise<PinggyHarness> {
    const edge = await PinggyEdge.start();
    const gateway = http.createServer((incoming, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ url: incoming.url, headers: incoming.headers }));
    });
    gateway.listen(0, '127.0.0.1');
    await once(gateway, 'listening');
    const { port } = gateway.address() as AddressInfo;
    return new PinggyHarness({
      engine,
      edge,
      gateway,
      options,
      request: {
        way: 'port',
        name: 'figma',
        gatewayUrl: new URL(`http://127.0.0.1:${port}`),
        owner: { instance: 'test-daemon', place: 'test-place', key: new Secret('owner-key') },
        ...request,
      },
    });
  }

  /** As a daemon started anew would make it: the same options, nothing remembered. */
  anotherProvider(options: Partial<PinggyOptions>): PinggyProvider {
    const provider = new PinggyProvider(this.options(options), {
      env: this.#engine.env,
      home: this.#engine.folder,
    });
    this.#providers.push(provider);
    return provider;
  }

  options(options: Partial<PinggyOptions>): PinggyOptions {
    return {
      ...PINGGY_DEFAULTS,
      server: '127.0.0.1',
      serverPort: this.edge.port,
      image: SSH_IMAGE,
      openTimeoutMs: 10_000,
      livenessIntervalMs: 300,
      livenessTimeoutMs: 700,
      ...options,
    };
  }

  async open(provider = this.provider, signal = new AbortController().signal): Promise<TunnelSession> {
    return await provider.open(this.request, { signal, log: this.log });
  }

  /** What was logged so far. */
  get logged(): string {
    return Buffer.concat(this.#logged).toString();
  }

  async visit(url: URL, headers: http.OutgoingHttpHeaders = {}, path = '/mcp'): Promise<Visit> {
    const options = { ca: this.edge.certificate.cert, agent: false, headers, timeout: 5_000 };
    const request = https.get(new URL(path, url), options);
    request.on('timeout', () => request.destroy(new Error('the visitor got no answer')));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: Buffer.concat(chunks).toString(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { Id, Labels } of await this.#engine.containers().catch(() => [])) {
      if (Labels['io.tunneld.tunnel'] === this.request.name) {
        await this.#engine.docker
          .getContainer(Id)
          .remove({ force: true })
          .catch(() => {});
      }
    }
    await Promise.all(this.#providers.map((provider) => provider.dispose()));
    await this.edge[Symbol.asyncDispose]();
    this.#gateway.close();
    this.#gateway.closeAllConnections();
  }
}
