import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { type Exchange, Flow, type ResponseHead } from '../../src/core/exchange.ts';
import { Secret } from '../../src/core/secret.ts';
import { responseHead } from '../../src/http1/response-head.ts';
import type { Authorize } from '../../src/relay/authorization.ts';
import { openRelayLink, type RelayLink } from '../../src/relay/relay-link.ts';
import { type RelayLimits, RelayServer } from '../../src/relay/relay-server.ts';
import { quiet } from '../helpers/quiet.ts';

export interface RelayHarness {
  readonly server: RelayServer;
  readonly port: number;
  readonly url: string;
  /** Registers a name; the token is also the identity. */
  link(name: string, accept: (exchange: Exchange) => void, options?: LinkOptions): Promise<RelayLink>;
}

export interface LinkOptions {
  readonly token?: string;
  /** Dials through something else, such as a fault proxy. */
  readonly port?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly onDraining?: () => void;
}

/** Any token but `wrong` is an identity of its own. */
const anyToken: Authorize = ({ token }) =>
  Promise.resolve(
    token === 'wrong'
      ? { ok: false, reason: 'credential', detail: 'unknown token' }
      : { ok: true, identity: token },
  );

export async function startRelay(
  options: {
    port?: number;
    clock?: Clock;
    limits?: Partial<RelayLimits>;
    authorize?: Authorize;
    enforceAccess?: boolean;
  } = {},
): Promise<RelayHarness> {
  const server = new RelayServer({
    host: '127.0.0.1',
    port: options.port ?? 0,
    routing: { kind: 'path' },
    authorize: options.authorize ?? anyToken,
    enforceAccess: options.enforceAccess ?? false,
    ...(options.limits ? { limits: options.limits } : {}),
    clock: options.clock ?? systemClock,
    log: quiet,
  });
  const { port } = await server.listen();
  const links: RelayLink[] = [];
  onTestFinished(async () => {
    await Promise.all(links.map((link) => link.close()));
    await server.close();
  });
  return {
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    async link(name, accept, { token = 'alice', port: dialled = port, signal, ...rest } = {}) {
      const link = await openRelayLink({
        relayUrl: new URL(`http://127.0.0.1:${dialled}`),
        name,
        token: new Secret(token),
        accept,
        signal: signal ?? new AbortController().signal,
        clock: systemClock,
        log: quiet,
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
