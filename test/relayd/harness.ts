import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { createLogger } from '../../src/core/log.ts';
import { Secret } from '../../src/core/secret.ts';
import { responseHead } from '../../src/http1/response-head.ts';
import { type AgentLink, type AgentLinkOptions, openAgentLink } from '../../src/relay/agent/agent-link.ts';
import type { RelaySettings } from '../../src/relayd/settings/relay-settings.ts';
import { startRelay } from '../../src/relayd/start-relay.ts';
import { quiet } from '../helpers/quiet.ts';
import { tempFolder } from '../helpers/temp-folder.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface RelayUnderTest {
  readonly port: number;
  readonly adminUrl: URL | undefined;
  /** Tunnels are told and ended here alone. */
  readonly adminSocket: string;
  /** Everything logged so far, parsed. */
  logged(): readonly Record<string, unknown>[];
  link(name: string, options?: Partial<AgentLinkOptions>): Promise<AgentLink>;
  /** Asks as a visitor of `host` does. */
  ask(host: string, path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** As at the start, with these settings different. */
  reload(settings: Partial<RelaySettings>): readonly string[];
  stop(): Promise<void>;
}

const TOKEN = 'a-token-of-an-agent';

export async function startTestRelay(settings: Partial<RelaySettings> = {}): Promise<RelayUnderTest> {
  const lines: string[] = [];
  const all: RelaySettings = {
    host: '127.0.0.1',
    port: 0,
    routing: 'host',
    publicUrl: new URL('http://tunnel.test'),
    auth: { kind: 'open' },
    tls: undefined,
    trustedProxies: new BlockList(),
    proxyProtocol: false,
    mcpTunnelAgents: true,
    adminPort: undefined,
    adminSocket: join(tempFolder(), 'admin.sock'),
    limits: { requestsPerAddress: 0, requestsPerTunnel: 0, connectionsPerAddress: 256 },
    drainMs: 2_000,
    returnsMs: 0,
    ...settings,
  };
  const relay = await startRelay(
    all,
    systemClock,
    createLogger('info', { write: (line) => void lines.push(line) }),
  );
  const links: AgentLink[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= relay.stop());
  onTestFinished(async () => {
    await Promise.all(links.map((link) => link.close()));
    await stop();
  });
  return {
    port: relay.port,
    adminUrl: relay.adminUrl,
    adminSocket: all.adminSocket as string,
    logged: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    async link(name, options = {}) {
      const link = await openAgentLink({
        relayUrl: new URL(`http://127.0.0.1:${relay.port}`),
        name,
        publicHosts: ['tunnel.test', '127.0.0.1'],
        token: new Secret(TOKEN),
        accept: sayWho,
        signal: new AbortController().signal,
        clock: systemClock,
        log: quiet,
        ...options,
      });
      links.push(link);
      return link;
    },
    ask: (host, path, headers = {}) => ask(relay.port, host, path, headers),
    reload: (next) => relay.reload({ ...all, ...next }),
    stop,
  };
}

export interface Told {
  readonly status: number;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

/** Asks an admin endpoint, by its port or its socket. Unlike `fetch`, with any header. */
export function admin(
  at: URL | string | undefined,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Told> {
  const where =
    typeof at === 'string' ? { socketPath: at } : { host: '127.0.0.1', port: Number(at?.port ?? 0) };
  return new Promise((resolve, reject) => {
    const options = { ...where, method, path, agent: false, headers: { host: 'localhost', ...headers } };
    const request = httpRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const json = response.headers['content-type']?.includes('json') === true;
        resolve({ status: response.statusCode ?? 0, text, body: json ? JSON.parse(text) : {} });
      });
    });
    request.on('error', reject).end();
  });
}

/** Answers with what reached the agent. */
export function sayWho(exchange: Exchange): void {
  const { request, peer } = exchange;
  const body = Buffer.from(JSON.stringify({ target: request.target, peer }));
  exchange.respond(
    responseHead(200, ['Content-Type', 'application/json'], { kind: 'length', length: body.length }),
    body,
    true,
  );
}

function ask(
  port: number,
  host: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers: { ...headers, host }, agent: false };
    const request = httpRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
      response.on('error', reject);
    });
    request.on('error', reject).end();
  });
}
