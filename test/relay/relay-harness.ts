import { onTestFinished } from 'vitest';
import type { EdgeAccess } from '../../src/access/edge-access.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { type Exchange, Flow, type ResponseHead } from '../../src/core/exchange.ts';
import { Secret } from '../../src/core/secret.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { responseHead } from '../../src/http1/response-head.ts';
import { type AgentLink, openAgentLink } from '../../src/relay/agent/agent-link.ts';
import type { Authorize } from '../../src/relay/edge/authorization.ts';
import type { Visit } from '../../src/relay/edge/observed-exchange.ts';
import { type RelayLimits, RelayServer } from '../../src/relay/edge/relay-server.ts';
import { quiet } from '../helpers/quiet.ts';
import { connectTo, type RawClient } from '../http1/raw-client.ts';

export interface RelayHarness {
  readonly server: RelayServer;
  readonly port: number;
  readonly url: string;
  /** Registers a name; the token is also the identity. */
  link(name: string, accept: (exchange: Exchange) => void, options?: LinkOptions): Promise<AgentLink>;
}

export interface LinkOptions {
  readonly token?: string;
  /** Dials through something else, such as a fault proxy. */
  readonly port?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly access?: EdgeAccess;
  readonly group?: string;
  readonly onDraining?: () => void;
  readonly probeHeaders?: (nonce: string) => readonly string[];
}

export interface RelayOptions {
  readonly port?: number;
  readonly clock?: Clock;
  readonly limits?: Partial<RelayLimits>;
  readonly authorize?: Authorize;
  /** Tunnels are `NAME.relay.test` then. */
  readonly byHost?: boolean;
  readonly enforceAccess?: boolean;
  readonly onVisit?: (visit: Visit) => void;
}

/** For agents that dial through something else than what visitors use, and relays with names of their own. */
export const TEST_HOSTS: readonly string[] = ['127.0.0.1', 'relay.test', 'tunnel.test'];

/** Any token but `wrong` is an identity of its own. */
const anyToken: Authorize = ({ token }) =>
  Promise.resolve(
    token === 'wrong'
      ? { ok: false, reason: 'credential', detail: 'unknown token' }
      : { ok: true, identity: token },
  );

export async function startRelay(options: RelayOptions = {}): Promise<RelayHarness> {
  const server = new RelayServer({
    host: '127.0.0.1',
    port: options.port ?? 0,
    ...(options.byHost
      ? { routing: { kind: 'host' }, publicUrl: new URL('http://relay.test') }
      : { routing: { kind: 'path' } }),
    ...(options.onVisit ? { onVisit: options.onVisit } : {}),
    authorize: options.authorize ?? anyToken,
    enforceAccess: options.enforceAccess ?? false,
    ...(options.limits ? { limits: options.limits } : {}),
    clock: options.clock ?? systemClock,
    log: quiet,
  });
  const { port } = await server.listen();
  const links: AgentLink[] = [];
  onTestFinished(async () => {
    await Promise.all(links.map((link) => link.close()));
    await server.close();
  });
  return {
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    async link(name, accept, { token = 'alice', port: dialled = port, signal, ...rest } = {}) {
      const link = await openAgentLink({
        relayUrl: new URL(`http://127.0.0.1:${dialled}`),
        name,
        token: new Secret(token),
        accept,
        signal: signal ?? new AbortController().signal,
        clock: systemClock,
        log: quiet,
        publicHosts: TEST_HOSTS,
        ...rest,
      });
      links.push(link);
      return link;
    },
  };
}

/** A head with a known or unknown length. */
export function head(status: number, length?: number, headers: readonly string[] = []): ResponseHead {
  const framing =
    length === undefined ? ({ kind: 'stream' } as const) : ({ kind: 'length', length } as const);
  return responseHead(status, ['Content-Type', 'text/plain', ...headers], framing);
}

/** Answers with the given text. */
export function say(text: string): (exchange: Exchange) => void {
  return (exchange) => {
    const body = Buffer.from(text);
    exchange.respond(head(200, body.length), body, true);
  };
}

/** Sends the request's body back as it arrives, with its back-pressure. */
export function echo(exchange: Exchange): void {
  exchange.respond(head(200));
  exchange.onDrain = () => exchange.resumeBody();
  exchange.readBody({
    data: (chunk) => exchange.write(chunk),
    end: () => exchange.end(),
    abort: (reason) => exchange.abort(reason),
  });
}

/** Reads the whole body, then calls back. */
export function collect(exchange: Exchange, done: (body: Buffer) => void): void {
  const parts: Buffer[] = [];
  exchange.readBody({
    data(chunk) {
      parts.push(Buffer.from(chunk));
      return Flow.consumed;
    },
    end: () => done(Buffer.concat(parts)),
    abort: () => {},
  });
}

/** A relay that routes by host, a tunnel `figma`, and a visitor. */
export async function openTunnel(
  accept: (exchange: Exchange) => void,
  options: RelayOptions = {},
): Promise<{ relay: RelayHarness; visitor: RawClient }> {
  const relay = await startRelay({ byHost: true, ...options });
  await relay.link('figma', accept);
  return { relay, visitor: connectTo(relay.port) };
}

/** The gateway in front of a server on `port`; the test need not close it. */
export function openGateway(
  port: number,
  access: { insecurePublic: boolean; origins: string[] } = { insecurePublic: true, origins: [] },
): Gateway {
  const gateway = new Gateway({
    tunnel: 'figma',
    instance: 'i-1',
    upstream: { protocol: 'http:', host: '127.0.0.1', port, hostHeader: `localhost:${port}` },
    access: { queryToken: false, ...access },
    probeKey: 'probe.key',
    limits: { concurrency: 100, connections: 100, firstByteTimeoutMs: 60_000, idleTimeoutMs: 60_000 },
    sseKeepAliveMs: undefined,
    clock: systemClock,
    log: quiet,
    onRequest: () => {},
  });
  onTestFinished(() => gateway.close());
  return gateway;
}
