import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Bridge } from '../../src/servers/bridge/bridge.ts';
import { SseSessions } from '../../src/servers/sse/sse-channel.ts';
import { mcpClients } from '../helpers/mcp-clients.ts';
import { listen, startEverything } from '../helpers/mcp-servers.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { gatewayTo, INITIALIZE, post } from './stage.ts';

/** The address of a bridge to the HTTP+SSE server at `url`, without a path. */
async function bridged(url: URL): Promise<string> {
  const socketPath = join(tempFolder(), 's.sock');
  const settings = {
    path: '/mcp',
    process: 'per-session',
    start: 'on-demand',
    idleMs: undefined,
    processes: 16,
    messageBytes: 1_000_000,
  } as const;
  const bridge = new Bridge({
    source: new SseSessions({ url, hostHeader: `localhost:${url.port}`, messageBytes: 1_000_000 }),
    settings,
    known: { era: 'legacy' },
    clock: systemClock,
    random: () => 0,
    onState: () => {},
    onNote: () => {},
  });
  await bridge.listen(socketPath);
  const gateway = gatewayTo(socketPath);
  onTestFinished(async () => {
    await gateway.close();
    await bridge.close();
  });
  return (await gateway.listen()).href.replace(/\/$/, '');
}

describe('server-everything over legacy SSE', () => {
  it.each(mcpClients.filter(({ speaks }) => speaks.includes('legacy')))(
    'is Streamable HTTP to $name',
    async (client) => {
      await using server = await startEverything({ transport: 'sse' });
      const origin = await bridged(server.url);
      const call = { name: 'echo', arguments: { message: 'hi' } };
      const run = await client.listToolsAndCall(new URL(`${origin}/mcp`), undefined, call);
      expect(run.text).toContain('hi');
      await waitFor(() => client.name === 'mcp-remote' || server.sessionsOpened() === 1, {
        what: 'its session',
      });
    },
  );

  it.each(mcpClients.filter(({ speaks }) => speaks.includes('legacy-sse')))(
    'stays SSE to $name',
    async (client) => {
      await using server = await startEverything({ transport: 'sse' });
      const origin = await bridged(server.url);
      const call = { name: 'echo', arguments: { message: 'hi' } };
      expect((await client.listToolsAndCall(new URL(`${origin}/sse`), undefined, call)).text).toContain('hi');
      await waitFor(() => server.sessions() === 0, { what: 'its sessions to end with those of the client' });
    },
  );
});

it('that is not there is named', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await waitFor(() => server.listening, { what: 'a port' });
  const address = server.address() as { port: number };
  server.close();
  const url = new URL(`http://127.0.0.1:${address.port}/sse`);
  const answer = await post(new URL(`${await bridged(url)}/mcp`), INITIALIZE);
  expect(answer.status).toBe(502);
  expect(answer.json().error?.message).toBe(`The server at ${url.href} cannot be reached (ECONNREFUSED)`);
});

it('that opens no event stream is named', async () => {
  await using server = await listen((_request, response) => void response.writeHead(404).end('no'), {
    path: '/sse',
  });
  const answer = await post(new URL(`${await bridged(server.url)}/mcp`), INITIALIZE);
  expect(answer.json().error?.message).toContain('opens no event stream (404, no type)');
});

it('that breaks its stream ends its sessions with an error, and never answers another one', async () => {
  let stream: import('node:http').ServerResponse | undefined;
  await using server = await listen(
    (request, response) => {
      if (request.method === 'POST') response.writeHead(202).end();
      else {
        stream = response.writeHead(200, { 'content-type': 'text/event-stream' });
        stream.write('event: endpoint\ndata: http://evil.example/post?s=1\n\n');
      }
    },
    { path: '/sse' },
  );
  const url = new URL(`${await bridged(server.url)}/mcp`);
  const answer = post(url, INITIALIZE);
  await waitFor(() => server.requests.includes('POST /post?s=1'), {
    what: 'the message, at the server that was named',
  });
  stream?.destroy();
  expect((await answer).json().error?.message).toContain('closed its event stream');
});
