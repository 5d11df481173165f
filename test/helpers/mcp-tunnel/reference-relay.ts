import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import type { Clock, Timer } from '../../../src/core/clock.ts';

/**
 * A relay of mcp-tunnel 0.1 or 0.2, as the description of those relays has it and with their real
 * faults: raw JSON over the `ws` package, nothing shared with the code under test.
 */
export interface ReferenceRelayOptions {
  readonly generation: '0.1' | '0.2';
  /** `0.0.1`: then the name `127` is at `http://127.0.0.1:PORT`, which needs no resolver. */
  readonly domain?: string;
  /** Of the 30 s that the relay waits. */
  readonly clock: Clock;
  /** Undefined: open mode, any token and any name. */
  readonly auth?: (registration: { token: string; subdomain: string | undefined }) => Promise<Verdict>;
  readonly port?: number;
}

/** The allowed patterns, or the reason of close code 4001. */
export type Verdict = { readonly allowed: readonly string[] } | { readonly refused: string };

interface Tunnel {
  readonly ws: WebSocket;
  /** Messages that wait to be written. */
  queued: number;
}

interface Waiter {
  whole?(message: Record<string, unknown>): void;
  head?(message: Record<string, unknown>): void;
  chunk?(message: Record<string, unknown>): void;
  error?(message: Record<string, unknown>): void;
}

const WAIT_MS = 30_000;
const QUEUE = 64;
const CHANNEL = 32;
const MAX_REQUEST_BODY = 5_242_880;
const MAX_RESPONSE_BODY = 10_485_760;
const HOP_BY_HOP = new Set(
  'connection content-length keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
);

export class ReferenceRelay implements AsyncDisposable {
  /** Every text message of every agent, in order. */
  readonly received: string[] = [];
  /** Agents' connections that are open, registered or not. */
  readonly sockets = new Set<WebSocket>();
  readonly tunnels = new Map<string, Tunnel>();
  readonly #options: ReferenceRelayOptions;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #upgrader = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #waiters = new Map<string, Waiter>();
  /** Answers whose channel is full: while there is one, nothing of the agent is read. */
  readonly #full = new Set<string>();
  #pings = 0;

  static async start(options: ReferenceRelayOptions): Promise<ReferenceRelay> {
    const relay = new ReferenceRelay(options);
    relay.#server.listen(options.port ?? 0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  private constructor(options: ReferenceRelayOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#visit(request, response));
    this.#server.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.on('close', () => this.#connections.delete(socket));
    });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      if (request.url !== '/_tunnel/register') {
        const response = new ServerResponse(request);
        response.assignSocket(socket);
        response.once('finish', () => socket.destroySoon());
        socket.on('error', () => {}).resume();
        void this.#visit(request, response);
        return;
      }
      this.#upgrader.handleUpgrade(request, socket, head, (ws) => void this.#register(ws));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.port}`);
  }

  /** Pings of agents that arrived. */
  get pings(): number {
    return this.#pings;
  }

  /** Parsed messages of one kind (`undefined`: the first generation's, which have none). */
  messages(kind: string | undefined): Record<string, unknown>[] {
    return this.received
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .filter((message) => message['kind'] === kind && !('token' in message));
  }

  /** Sends text to the agent of a name, whatever it is. */
  say(subdomain: string, text: string): void {
    this.tunnels.get(subdomain)?.ws.send(text);
  }

  /** Every connection breaks, and new ones still come in. */
  cut(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cut();
    this.#server.closeAllConnections();
    await Promise.resolve();
  }

  async #register(ws: WebSocket): Promise<void> {
    this.sockets.add(ws);
    ws.setMaxListeners(0);
    ws.on('error', () => {});
    ws.on('close', () => this.sockets.delete(ws));
    ws.on('ping', () => this.#pings++);
    ws.on('message', (data: RawData, isBinary: boolean) => {
      if (!isBinary) this.received.push(data.toString());
    });
    const request = await nextMessage(ws, (message) =>
      typeof message['token'] === 'string'
        ? { token: message['token'], subdomain: (message['subdomain'] as string | null) ?? undefined }
        : undefined,
    );
    if (request === undefined) return;
    const subdomain = await this.#resolve(ws, request);
    if (subdomain === undefined) return;
    // The acknowledgement first, the routing afterwards: requests in between find no tunnel.
    const { domain = '0.0.1' } = this.#options;
    ws.send(JSON.stringify({ subdomain, url: `https://${subdomain}.${domain}` }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.tunnels.get(subdomain)?.ws.close(4002, 'evicted: another client registered with the same tunnel');
    this.tunnels.set(subdomain, { ws, queued: 0 });
    ws.on('message', (data: RawData, isBinary: boolean) => {
      if (!isBinary) this.#dispatch(data.toString());
    });
    // By name, whoever holds it by then: an evicted agent takes its successor along.
    ws.on('close', () => this.tunnels.delete(subdomain));
  }

  /** The name an agent gets; undefined when it was refused or went away. */
  async #resolve(
    ws: WebSocket,
    { token, subdomain }: { token: string; subdomain: string | undefined },
  ): Promise<string | undefined> {
    const { auth } = this.#options;
    if (auth === undefined) {
      return subdomain ?? createHash('sha256').update(token).digest('hex').slice(0, 12);
    }
    const verdict = await auth({ token, subdomain });
    if ('refused' in verdict) {
      ws.close(4001, verdict.refused);
      return undefined;
    }
    const { allowed } = verdict;
    if (subdomain !== undefined && allowed.some((pattern) => matches(subdomain, pattern))) return subdomain;
    const [only] = allowed;
    if (allowed.length === 1 && only !== undefined && !only.includes('*')) return only;
    ws.send(JSON.stringify({ subdomains: allowed }));
    const pick = await nextMessage(ws, (message) =>
      typeof message['subdomain'] === 'string' && !('token' in message) ? message['subdomain'] : undefined,
    );
    if (pick === undefined) return undefined;
    if (allowed.some((pattern) => matches(pick, pattern))) return pick;
    ws.close(4001, `subdomain '${pick}' not authorized for this token`);
    return undefined;
  }

  async #visit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const plain = (status: number, text: string) => {
      if (response.headersSent || response.destroyed) return;
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    };
    if (request.url === '/_tunnel/register') {
      plain(request.method === 'GET' ? 400 : 405, "Connection header did not include 'upgrade'");
      return;
    }
    const label = request.headers.host?.split('.')[0] ?? '';
    if (label === '') return plain(400, 'missing host header');
    const whole = await bodyOf(request);
    if (whole === undefined) return plain(413, 'Failed to buffer the request body: length limit exceeded');
    const tunnel = this.tunnels.get(label);
    if (tunnel === undefined) return plain(502, 'tunnel not found');
    if (tunnel.ws.readyState !== WebSocket.OPEN) return plain(502, 'tunnel disconnected');
    if (tunnel.queued >= QUEUE) return plain(503, 'tunnel overloaded');
    const headers: Record<string, string> = {};
    // Repeated ones collapse, the last wins.
    for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
      const name = (request.rawHeaders[at] ?? '').toLowerCase();
      if (!HOP_BY_HOP.has(name)) headers[name] = request.rawHeaders[at + 1] ?? '';
    }
    const id = randomUUID();
    const message = {
      ...(this.#options.generation === '0.2' ? { kind: 'request' } : {}),
      id,
      method: request.method,
      path: request.url ?? '/',
      headers,
      body: whole.length === 0 ? null : whole.toString('base64'),
    };
    if (this.#options.generation === '0.1') this.#waitWhole(id, response, plain);
    else this.#waitStreamed(id, response, plain, tunnel);
    tunnel.queued++;
    tunnel.ws.send(JSON.stringify(message), () => {
      tunnel.queued--;
    });
  }

  /** Nothing but the answer or the clock ends the wait, not even the loss of the agent. */
  #waitWhole(id: string, response: ServerResponse, plain: (status: number, text: string) => void): void {
    const timer = this.#expire(id, () => plain(504, 'tunnel timeout'));
    this.#waiters.set(id, {
      whole: ({ status, headers, body }) => {
        timer.cancel();
        this.#waiters.delete(id);
        const text = (body as string | null) ?? '';
        if (text.length > (MAX_RESPONSE_BODY * 4) / 3 + 4)
          return plain(502, 'tunnel response body too large');
        writeHead(response, status as number, headers as Record<string, string>);
        response.end(Buffer.from(text, 'base64'));
      },
    });
  }

  #waitStreamed(
    id: string,
    response: ServerResponse,
    plain: (status: number, text: string) => void,
    tunnel: Tunnel,
  ): void {
    const cancel = () => {
      this.#waiters.delete(id);
      this.#release(id, tunnel);
      if (tunnel.ws.readyState === WebSocket.OPEN) tunnel.ws.send(JSON.stringify({ kind: 'cancel', id }));
    };
    const timer = this.#expire(id, () => {
      plain(504, 'tunnel headers timeout');
      cancel();
    });
    const channel: Buffer[] = [];
    let begun = false;
    let ended = false;
    const pump = () => {
      while (channel.length > 0) {
        const [next] = channel;
        channel.shift();
        if (channel.length < CHANNEL) this.#release(id, tunnel);
        if (!response.write(next ?? '')) {
          response.once('drain', pump);
          return;
        }
      }
      if (ended) response.end();
    };
    // A lost agent ends the body as if it were complete.
    tunnel.ws.once('close', () => {
      ended = true;
      this.#release(id, tunnel);
      if (begun && channel.length === 0) response.end();
    });
    response.once('close', () => this.#release(id, tunnel));
    this.#waiters.set(id, {
      head: ({ status, headers }) => {
        timer.cancel();
        begun = true;
        writeHead(response, status as number, headers as Record<string, string>);
        response.flushHeaders();
      },
      chunk: ({ data, last }) => {
        if (!begun) return;
        // Only now does it notice that the caller is gone.
        if (response.destroyed) return cancel();
        if (data !== '') channel.push(Buffer.from(data as string, 'base64'));
        if (last === true) {
          ended = true;
          this.#waiters.delete(id);
        }
        if (channel.length >= CHANNEL) {
          this.#full.add(id);
          tunnel.ws.pause();
        }
        if (response.writableNeedDrain) return;
        pump();
      },
      error: ({ message }) => {
        timer.cancel();
        this.#waiters.delete(id);
        if (!begun) plain(502, `upstream error: ${message}`);
        else response.destroy();
      },
    });
  }

  #release(id: string, tunnel: Tunnel): void {
    if (this.#full.delete(id) && this.#full.size === 0) tunnel.ws.resume();
  }

  #expire(id: string, run: () => void): Timer {
    return this.#options.clock.setTimer(() => {
      run();
      this.#waiters.delete(id);
    }, WAIT_MS);
  }

  #dispatch(text: string): void {
    const message = parse(text);
    const waiter = this.#waiters.get(String(message?.['id']));
    if (message === undefined || waiter === undefined) return;
    const { kind } = message;
    if (this.#options.generation === '0.1') {
      if (
        typeof message['status'] === 'number' &&
        typeof message['headers'] === 'object' &&
        kind === undefined
      )
        waiter.whole?.(message);
    } else if (kind === 'response_head') waiter.head?.(message);
    else if (kind === 'response_chunk') waiter.chunk?.(message);
    else if (kind === 'response_error') waiter.error?.(message);
  }
}

/** The first message that `read` makes something of; undefined when the connection ends before. */
function nextMessage<T>(
  ws: WebSocket,
  read: (message: Record<string, unknown>) => T | undefined,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const onMessage = (data: RawData, isBinary: boolean) => {
      const message = isBinary ? undefined : parse(data.toString());
      const value = message === undefined ? undefined : read(message);
      if (value === undefined) return;
      ws.off('message', onMessage);
      resolve(value);
    };
    ws.on('message', onMessage);
    ws.once('close', () => resolve(undefined));
  });
}

/** Undefined when it is over the limit; empty when the caller went away. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request) {
      pieces.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_REQUEST_BODY) return undefined;
    }
  } catch {
    return Buffer.alloc(0);
  }
  return Buffer.concat(pieces);
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function writeHead(response: ServerResponse, status: number, headers: Record<string, string>): void {
  response.statusCode = status >= 100 && status <= 999 ? status : 502;
  for (const [name, value] of Object.entries(headers)) {
    if (HOP_BY_HOP.has(name.toLowerCase())) continue;
    try {
      response.setHeader(name, value);
    } catch {
      // Names and values that are not valid are dropped.
    }
  }
}

/** Split at the first `*`. */
function matches(value: string, pattern: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return value === pattern;
  const [prefix, suffix] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return (
    value.startsWith(prefix) &&
    value.slice(prefix.length).endsWith(suffix) &&
    value.length >= prefix.length + suffix.length
  );
}
