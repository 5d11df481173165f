import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';

/** An MCP server at `/mcp`, with other paths that show what a way through proxies holds back. */
export interface StreamingUpstream {
  readonly port: number;
  /** Answers to `GET /events` that are open, the newest last. */
  readonly events: readonly ServerResponse[];
  /** Answers to `GET /download`, of 28 bytes, of which none is written yet. */
  readonly downloads: readonly ServerResponse[];
  /** Bytes of the running `POST /upload` that have arrived. */
  uploaded(): number;
  close(): Promise<void>;
}

/**
 * `/events` and `/download` are answers the test writes; `/upload` counts and answers at the end; `/headers` says
 * what arrived; `/silent` never answers; a WebSocket handshake anywhere gets 101 and an echo.
 */
export async function startStreamingUpstream(): Promise<StreamingUpstream> {
  const events: ServerResponse[] = [];
  const downloads: ServerResponse[] = [];
  let uploaded = 0;
  const server = createServer((request, response) => {
    switch (request.url) {
      case '/mcp':
        void answerMcp(request, response);
        return;
      case '/events':
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.flushHeaders();
        events.push(response);
        return;
      case '/download':
        response.writeHead(200, { 'content-length': '28' });
        response.flushHeaders();
        downloads.push(response);
        return;
      case '/upload':
        uploaded = 0;
        request.on('data', (chunk: Buffer) => {
          uploaded += chunk.length;
        });
        request.on('end', () => response.end(String(uploaded)));
        return;
      case '/silent':
        return;
      default:
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(request.headers));
    }
  });
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => socket.destroy());
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    events,
    downloads,
    uploaded: () => uploaded,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answerMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const server = new McpServer({ name: 'streaming', version: '1.0.0' });
  server.registerTool('greet', {}, () => ({ content: [{ type: 'text', text: 'hello' }] }));
  const transport = new StreamableHTTPServerTransport({});
  await server.connect(transport as Transport);
  await transport.handleRequest(request, response);
}
