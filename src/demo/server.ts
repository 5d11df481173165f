import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { VERSION } from '../core/version.ts';

/**
 * The sample MCP server of `tunneld demo`: a real one on the official SDK, with a tool that streams
 * its progress. Prints `{"port":N}` when it listens; ends when its standard input does, so that it
 * never outlives the demo.
 */
const STEP_MS = 150;

/** Stateless in both eras: every request gets a server of its own, and there is no session to clean up. */
const serve = toNodeHandler(createMcpHandler(sampleServer, { legacy: 'stateless' })) as (
  // Node's own types do not satisfy the package's under exactOptionalPropertyTypes.
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void>;

const http = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    response.destroy();
  });
});
http.listen(0, '127.0.0.1');
await once(http, 'listening');
process.stdout.write(`${JSON.stringify({ port: (http.address() as AddressInfo).port })}\n`);
process.stdin.resume().on('end', () => process.exit(0));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url !== '/mcp' || request.method !== 'POST') {
    response.writeHead(request.url === '/mcp' ? 405 : 404).end();
    return;
  }
  await serve(request, response);
}

function sampleServer(): McpServer {
  const server = new McpServer({ name: 'tunneld-sample', version: VERSION });
  server.registerTool(
    'count',
    {
      description: 'Counts slowly, and tells of every step as it happens',
      inputSchema: z.object({ to: z.number().int().min(1).max(20) }),
    },
    async ({ to }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      for (let progress = 1; progress <= to; progress += 1) {
        await delay(STEP_MS, undefined, { signal: mcpReq.signal });
        if (progressToken === undefined) continue;
        const message = new Date().toISOString();
        const params = { progressToken, progress, total: to, message };
        await mcpReq.notify({ method: 'notifications/progress', params });
      }
      return { content: [{ type: 'text', text: `counted to ${to}` }] };
    },
  );
  return server;
}
