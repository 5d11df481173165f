import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as LegacyMcpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { type Program, startProgram } from './program.ts';

/** A real MCP server on loopback. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  /** Its MCP endpoint. */
  readonly url: URL;
  /** Requests seen so far, as `METHOD path`. Empty for child processes. */
  readonly requests: readonly string[];
  /** MCP sessions open on it right now; undefined where it has no such thing. */
  sessions(): number | undefined;
  /** MCP sessions it ever opened. */
  sessionsOpened(): number | undefined;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** To come back on a known port; any free one by default. */
  readonly port?: number;
}

/** `@modelcontextprotocol/server-everything`: SDK v1, stateful, event ids, priming events. */
export async function startEverything(
  options: StartOptions & { readonly transport: 'streamableHttp' | 'sse' },
): Promise<TestServer> {
  const module = resolve('@modelcontextprotocol/server-everything/dist/index.js');
  const program = await startProgram({
    program: 'on-loopback.ts',
    args: [module, options.transport],
    env: listenPort(options),
  });
  return options.transport === 'sse'
    ? programServer(program, '/sse', /Client Connected:/g, /Client Disconnected:/g)
    : programServer(program, '/mcp', /Session initialized with ID/g, /Transport closed for session/g);
}

/** An example server of the SDK v1: `stateless`, or `jsonResponse` (sessions, plain JSON answers). */
export async function startSdkExample(
  example: 'stateless' | 'jsonResponse',
  options: StartOptions = {},
): Promise<TestServer> {
  const file = example === 'stateless' ? 'simpleStatelessStreamableHttp.js' : 'jsonResponseStreamableHttp.js';
  const program = await startProgram({
    program: 'on-loopback.ts',
    args: [resolve(`@modelcontextprotocol/sdk/dist/esm/examples/server/${file}`)],
    env: listenPort(options),
  });
  if (example === 'stateless') return programServer(program, '/mcp');
  return programServer(program, '/mcp', /Session initialized with ID/g, /Transport closed for session/g);
}

/** SDK v2, revision 2026-07-28 and nothing older. */
export function startModernOnly(options: StartOptions = {}): Promise<TestServer> {
  return startHandler('reject', options);
}

/** SDK v2 answering both the modern and the legacy (stateless) way on one endpoint. */
export function startDualEra(options: StartOptions = {}): Promise<TestServer> {
  return startHandler('stateless', options);
}

/**
 * What many hand-written servers look like: one transport for everybody. The first `initialize`
 * takes the only session there is, and a DELETE ends the server's usefulness until it restarts.
 */
export async function startNaiveSingleSession(options: StartOptions = {}): Promise<TestServer> {
  const server = new LegacyMcpServer({ name: 'naive', version: '1.0.0' });
  server.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text }) => ({
    content: [{ type: 'text', text }],
  }));
  let opened = 0;
  let closed = 0;
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: () => {
      opened++;
    },
    onsessionclosed: () => {
      closed++;
    },
  });
  // The SDK's own declaration does not satisfy exactOptionalPropertyTypes.
  await server.connect(transport as Transport);
  return listen((request, response) => void transport.handleRequest(request, response), {
    ...options,
    onStop: () => server.close(),
    sessions: () => opened - closed,
    sessionsOpened: () => opened,
  });
}

interface ListenOptions extends StartOptions {
  readonly path?: string;
  readonly onStop?: () => Promise<void>;
  readonly sessions?: () => number;
  readonly sessionsOpened?: () => number;
}

/** Any request listener as a `TestServer` on loopback. */
export async function listen(listener: RequestListener, options: ListenOptions = {}): Promise<TestServer> {
  const requests: string[] = [];
  const server = http.createServer((request: IncomingMessage, response: ServerResponse) => {
    requests.push(`${request.method} ${request.url}`);
    listener(request, response);
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await options.onStop?.();
    await closed;
  };
  return {
    port,
    url: new URL(`http://127.0.0.1:${port}${options.path ?? '/mcp'}`),
    requests,
    sessions: () => options.sessions?.(),
    sessionsOpened: () => options.sessionsOpened?.(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function startHandler(legacy: 'stateless' | 'reject', options: StartOptions): Promise<TestServer> {
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: `${legacy}-v2`, version: '2.4.0' });
      server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
        content: [{ type: 'text', text }],
      }));
      return server;
    },
    { legacy },
  );
  // Neither do Node's own types satisfy this one under exactOptionalPropertyTypes.
  const listener = toNodeHandler(handler) as (request: IncomingMessage, response: ServerResponse) => unknown;
  return listen((request, response) => void listener(request, response), {
    ...options,
    onStop: () => handler.close(),
  });
}

function programServer(program: Program, path: string, opened?: RegExp, closed?: RegExp): TestServer {
  const count = (pattern: RegExp | undefined) =>
    pattern === undefined ? undefined : (program.output().match(pattern)?.length ?? 0);
  return {
    port: program.port,
    url: new URL(`http://127.0.0.1:${program.port}${path}`),
    requests: [],
    sessions: () => {
      const all = count(opened);
      return all === undefined ? undefined : all - (count(closed) ?? 0);
    },
    sessionsOpened: () => count(opened),
    stop: program.stop,
    [Symbol.asyncDispose]: program.stop,
  };
}

function resolve(module: string): string {
  return fileURLToPath(new URL(`../../node_modules/${module}`, import.meta.url));
}

function listenPort({ port }: StartOptions): Record<string, string> {
  return { LISTEN_PORT: String(port ?? 0) };
}
