import type { IncomingMessage, ServerResponse } from 'node:http';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { expect, test } from 'vitest';
import { listen } from '../helpers/mcp-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';

const STEPS = 5;

test('a long call streams its progress live: each event arrives before the server sends the next', async () => {
  // The tool goes on only when the client has seen its last event, so a tunnel that holds events
  // back never lets it finish.
  const seen: (() => void)[] = [];
  const arrived: number[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const server = new McpServer({ name: 'slow', version: '1.0.0' });
    server.registerTool('count', {}, async ({ sendNotification, _meta }) => {
      for (let step = 1; step <= STEPS; step += 1) {
        const seenByClient = new Promise<void>((resolve) => seen.push(resolve));
        const params = { progressToken: _meta?.progressToken ?? '', progress: step, total: STEPS };
        await sendNotification({ method: 'notifications/progress', params });
        await seenByClient;
      }
      return { content: [{ type: 'text', text: 'counted' }] };
    });
    const transport = new StreamableHTTPServerTransport({});
    await server.connect(transport as Transport);
    await transport.handleRequest(request, response);
  };
  await using upstream = await listen((request, response) => void answer(request, response));
  await using home = await Tunneld.create();
  const { url, token } = await home.up('slow', '--port', String(upstream.port));

  const client = new Client({ name: 'tunneld-test', version: '1.0.0' });
  const headers = { Authorization: `Bearer ${token}` };
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
  await client.connect(transport as Transport);
  const result = await client.callTool({ name: 'count', arguments: {} }, undefined, {
    onprogress: ({ progress }) => {
      arrived.push(progress);
      seen[progress - 1]?.();
    },
  });
  await client.close();

  expect(result.content).toEqual([{ type: 'text', text: 'counted' }]);
  expect(arrived).toEqual([1, 2, 3, 4, 5]);
});
