import {
  type ClientRequest,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { mcpTunnelEdge } from '../../../src/mcp-tunnel/edge/dialect.ts';
import type { Authorize } from '../../../src/relay/edge/authorization.ts';
import type { Visit } from '../../../src/relay/edge/observed-exchange.ts';
import { type RelayLimits, RelayServer } from '../../../src/relay/edge/relay-server.ts';
import { authorizeAnybody } from '../../../src/relayd/authorizers.ts';
import type { OldClientOptions } from '../../helpers/mcp-tunnel/old-client.ts';
import { quiet } from '../../helpers/quiet.ts';

export interface OldRelay {
  readonly server: RelayServer;
  readonly port: number;
  readonly visits: readonly Visit[];
  /** What a client needs to register; the token says whose the name is. */
  as(subdomain: string | undefined, options?: Partial<OldClientOptions>): OldClientOptions;
  /** Asks a tunnel as a visitor does. */
  visit(name: string, path: string, options?: VisitOptions): Visitor;
}

export interface VisitOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

export interface Visitor {
  readonly request: ClientRequest;
  readonly response: Promise<IncomingMessage>;
  /** Reads the whole answer. Rejects when it is cut. */
  readonly answer: Promise<{
    status: number;
    headers: IncomingMessage['headers'];
    body: Buffer;
    text: string;
  }>;
}

const TOKEN = '2f1c7f4e-token-of-the-tests';

export async function startOldRelay(
  options: {
    clock?: Clock;
    authorize?: Authorize;
    limits?: Partial<RelayLimits>;
    routing?: 'host' | 'path';
    serve?: boolean;
  } = {},
): Promise<OldRelay> {
  const visits: Visit[] = [];
  const server = new RelayServer({
    host: '127.0.0.1',
    port: 0,
    routing: { kind: options.routing ?? 'host' },
    publicUrl: new URL('https://tunnel.test'),
    authorize: options.authorize ?? authorizeAnybody('host'),
    dialects: [mcpTunnelEdge(options.serve ?? true)],
    ...(options.limits ? { limits: options.limits } : {}),
    onVisit: (visit) => void visits.push(visit),
    clock: options.clock ?? systemClock,
    log: quiet,
  });
  const { port } = await server.listen();
  onTestFinished(() => server.close());
  return {
    server,
    port,
    visits,
    as: (subdomain, rest = {}) => ({
      relay: `http://127.0.0.1:${port}`,
      token: TOKEN,
      ...(subdomain === undefined ? {} : { subdomain }),
      ...rest,
    }),
    visit: (name, path, rest = {}) => visit(port, `${name}.tunnel.test`, path, rest),
  };
}

export function visit(port: number, host: string, path: string, options: VisitOptions): Visitor {
  const { method = 'GET', headers = {}, body } = options;
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: { ...headers, host } as Record<string, string>,
    agent: false,
  });
  onTestFinished(() => void request.destroy());
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).on('error', reject);
  });
  request.end(body);
  const read = async () => {
    const incoming = await response;
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const whole = Buffer.concat(parts);
    return {
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      body: whole,
      text: whole.toString(),
    };
  };
  response.catch(() => {});
  return {
    request,
    response,
    get answer() {
      return read();
    },
  };
}

/** The server on the agent's machine. */
export async function startLocal(listener: RequestListener): Promise<{ port: number; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server };
}
