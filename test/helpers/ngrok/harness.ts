import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { createLogger, type Logger } from '../../../src/core/log.ts';
import { Secret } from '../../../src/core/secret.ts';
import { AccountBook } from '../../../src/providers/ngrok/accounts.ts';
import { NGROK_DEFAULTS, type NgrokOptions } from '../../../src/providers/ngrok/options.ts';
import { type NgrokDeps, NgrokProvider } from '../../../src/providers/ngrok/provider.ts';
import type { PortRequest, TunnelSession } from '../../../src/providers/provider.ts';
import { AGENT_PROGRAM } from './agent-program.ts';
import { NgrokEdge } from './edge.ts';

/** What no log, no process and no error may ever show. */
export const AUTHTOKEN = 'ngrok-authtoken-hunter2marker';
export const ACCESS_TOKEN = 'tnl_access-hunter2marker';

export interface Visit {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Providers wired to an edge of our own, and a stand-in for the gateway that echoes what it gets. */
export class NgrokHarness implements AsyncDisposable {
  readonly edge: NgrokEdge;
  readonly accounts = new AccountBook();
  readonly authtoken = new Secret(AUTHTOKEN);
  readonly log: Logger;
  readonly #gateway: http.Server;
  readonly #folder: string;
  readonly #logged: Buffer[] = [];
  readonly #sessions: TunnelSession[] = [];

  private constructor(edge: NgrokEdge, gateway: http.Server, folder: string) {
    this.edge = edge;
    this.#gateway = gateway;
    this.#folder = folder;
    this.log = createLogger(
      'debug',
      new PassThrough().on('data', (chunk: Buffer) => this.#logged.push(chunk)),
    );
  }

  static async start(): Promise<NgrokHarness> {
    const edge = await NgrokEdge.start();
    const folder = await mkdtemp(path.join(tmpdir(), 'tunneld-ngrok-'));
    await writeFile(path.join(folder, 'ca.pem'), edge.authority.cert);
    const gateway = http.createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ url: request.url, headers: request.headers }));
    });
    gateway.listen(0, '127.0.0.1');
    await once(gateway, 'listening');
    return new NgrokHarness(edge, gateway, folder);
  }

  get gatewayUrl(): URL {
    return new URL(`http://127.0.0.1:${(this.#gateway.address() as AddressInfo).port}`);
  }

  get caFile(): string {
    return path.join(this.#folder, 'ca.pem');
  }

  get logged(): string {
    return Buffer.concat(this.#logged).toString('utf8');
  }

  options(options: Partial<NgrokOptions> = {}): NgrokOptions {
    return {
      ...NGROK_DEFAULTS,
      authtoken: this.authtoken,
      server: this.edge.address,
      caFile: this.caFile,
      heartbeatIntervalMs: 1_000,
      heartbeatToleranceMs: 2_000,
      ...options,
    };
  }

  provider(options: Partial<NgrokOptions> = {}, deps: NgrokDeps = {}): NgrokProvider {
    return new NgrokProvider(this.options(options), {
      accounts: this.accounts,
      program: AGENT_PROGRAM,
      ...deps,
    });
  }

  request(request: Partial<PortRequest> = {}): PortRequest {
    const { gatewayUrl } = this;
    const accessTokens = () => [new Secret(ACCESS_TOKEN)];
    return { way: 'port', name: 'figma', gatewayUrl, accessTokens, ...request };
  }

  async open(
    provider: NgrokProvider = this.provider(),
    request: Partial<PortRequest> = {},
  ): Promise<TunnelSession> {
    const context = { signal: new AbortController().signal, log: this.log };
    const session = await provider.open(this.request(request), context);
    this.#sessions.push(session);
    return session;
  }

  /** A visitor on the internet. */
  async visit(url: URL, headers: http.OutgoingHttpHeaders = {}, method = 'GET'): Promise<Visit> {
    const request = https.request(url, { ca: this.edge.authority.cert, agent: false, method, headers });
    request.end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    return { status: response.statusCode ?? 0, headers: response.headers, body };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
    await this.edge[Symbol.asyncDispose]();
    this.#gateway.closeAllConnections();
    this.#gateway.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The pid of a session's agent process. */
export function pidOf(session: TunnelSession): number {
  const { pid } = session as TunnelSession & { readonly pid?: number };
  if (pid === undefined) throw new Error('the session has no process');
  return pid;
}
