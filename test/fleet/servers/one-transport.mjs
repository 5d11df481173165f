// What many hand-written SSE servers look like: one transport, replaced by whoever connects last. On
// Express 4 a second connection ends the process ("Already connected"), on Express 5 the first client.
// Run in the folder of its packages: node one-transport.mjs
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { resolve } = createRequire(pathToFileURL(`${process.cwd()}/`));
const load = (name) => import(pathToFileURL(resolve(name)).href);
const { default: express } = await load('express');
const { McpServer } = await load('@modelcontextprotocol/sdk/server/mcp.js');
const { SSEServerTransport } = await load('@modelcontextprotocol/sdk/server/sse.js');

const server = new McpServer({ name: 'one-transport', version: '1.0.0' });
server.registerTool('ping', {}, () => ({ content: [{ type: 'text', text: 'pong' }] }));
const app = express();
let transport;
let opened = 0;
let closed = 0;
app.get('/sse', async (_request, response) => {
  opened += 1;
  response.on('close', () => {
    closed += 1;
  });
  transport = new SSEServerTransport('/messages', response);
  await server.connect(transport);
});
app.post('/messages', async (request, response) => {
  await transport.handlePostMessage(request, response);
});
app.get('/sessions', (_request, response) => {
  response.json({ opened, open: opened - closed });
});
const listening = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ listening: listening.address().port })}\n`);
});
