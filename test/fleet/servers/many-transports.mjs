// SSE as the SDK's own examples do it: a server and a transport for each connection.
// Run in the folder of its packages: node many-transports.mjs
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { resolve } = createRequire(pathToFileURL(`${process.cwd()}/`));
const load = (name) => import(pathToFileURL(resolve(name)).href);
const { default: express } = await load('express');
const { McpServer } = await load('@modelcontextprotocol/sdk/server/mcp.js');
const { SSEServerTransport } = await load('@modelcontextprotocol/sdk/server/sse.js');

const app = express();
const transports = new Map();
let opened = 0;
app.get('/sse', async (_request, response) => {
  const transport = new SSEServerTransport('/messages', response);
  transports.set(transport.sessionId, transport);
  opened += 1;
  response.on('close', () => transports.delete(transport.sessionId));
  const server = new McpServer({ name: 'many-transports', version: '1.0.0' });
  server.registerTool('ping', {}, () => ({ content: [{ type: 'text', text: 'pong' }] }));
  await server.connect(transport);
});
app.post('/messages', async (request, response) => {
  const transport = transports.get(request.query.sessionId);
  if (transport === undefined) response.status(404).end();
  else await transport.handlePostMessage(request, response);
});
app.get('/sessions', (_request, response) => {
  response.json({ opened, open: transports.size });
});
const listening = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ listening: listening.address().port })}\n`);
});
