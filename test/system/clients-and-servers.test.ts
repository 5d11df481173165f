import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../helpers/free-port.ts';
import { type McpClient, mcpClients, type ToolCall } from '../helpers/mcp-clients.ts';
import {
  startDualEra,
  startEverything,
  startModernOnly,
  startNaiveSingleSession,
  startSdkExample,
  type TestServer,
} from '../helpers/mcp-servers.ts';
import { type Access, Tunneld } from '../helpers/tunneld.ts';

interface Case {
  readonly name: string;
  readonly start: (port: number) => Promise<TestServer>;
  readonly speaks: McpClient['speaks'];
  readonly call: ToolCall;
  readonly answer: string;
  readonly path?: string;
  /** Serves one client in its life, so each client gets a new one. */
  readonly once?: true;
  /** Clients that do not work with it without a tunnel either. */
  readonly without?: readonly string[];
}

const echo = { name: 'echo', arguments: { text: 'through the tunnel' } };

const cases: readonly Case[] = [
  {
    name: 'server-everything',
    start: (port) => startEverything({ transport: 'streamableHttp', port }),
    speaks: ['legacy'],
    call: { name: 'echo', arguments: { message: 'hello' } },
    answer: 'Echo: hello',
  },
  {
    name: 'server-everything over SSE',
    start: (port) => startEverything({ transport: 'sse', port }),
    path: '/sse',
    speaks: ['legacy-sse'],
    call: { name: 'echo', arguments: { message: 'hello' } },
    answer: 'Echo: hello',
  },
  {
    name: 'the stateless example of the SDK',
    start: (port) => startSdkExample('stateless', { port }),
    speaks: ['legacy'],
    call: { name: 'start-notification-stream', arguments: { interval: 10, count: 1 } },
    answer: 'Started sending periodic notifications every 10ms',
  },
  {
    name: 'the JSON-response example of the SDK',
    start: (port) => startSdkExample('jsonResponse', { port }),
    speaks: ['legacy'],
    call: { name: 'greet', arguments: { name: 'you' } },
    answer: 'Hello, you!',
  },
  {
    name: 'a modern-only server',
    start: (port) => startModernOnly({ port }),
    speaks: ['modern'],
    call: echo,
    answer: 'through the tunnel',
  },
  {
    name: 'a server of both eras',
    start: (port) => startDualEra({ port }),
    speaks: ['modern', 'legacy'],
    call: echo,
    answer: 'through the tunnel',
  },
  {
    name: 'a naive single-session server',
    start: (port) => startNaiveSingleSession({ port }),
    speaks: ['legacy'],
    call: echo,
    answer: 'through the tunnel',
    once: true,
    // It initializes twice, which such a server does not survive.
    without: ['mcp-remote'],
  },
];

let home: Tunneld;

beforeAll(async () => {
  home = await Tunneld.create();
});

afterAll(async () => {
  await home[Symbol.asyncDispose]();
});

describe.each(cases)('$name', (server) => {
  const name = `t${cases.indexOf(server)}`;
  let port = 0;
  let running: TestServer;
  let access: Access;

  beforeAll(async () => {
    port = await freePort();
    running = await server.start(port);
    access = await home.up(name, '--port', String(port), '--path', server.path ?? '/mcp');
  });

  afterAll(async () => {
    await running.stop();
    await home.ok('rm', name);
  });

  const clients = mcpClients.filter(
    (client) =>
      client.speaks.some((era) => server.speaks.includes(era)) &&
      server.without?.includes(client.name) !== true,
  );

  test.each(clients)('lists its tools and runs one for $name', async (client) => {
    if (server.once === true) {
      await running.stop();
      running = await server.start(port);
      await home.until(name, ({ health }) => health.verdict === 'healthy');
    }
    const run = await client.listToolsAndCall(access.url, access.token, server.call);
    expect(run.tools).toContain(server.call.name);
    expect(run.text).toBe(server.answer);
  });
});
