import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { expect, it, onTestFinished } from 'vitest';
import { makeCertificate } from '../helpers/certificate.ts';
import { startRelay } from '../relay/relay-harness.ts';
import { BEARER, Bench, portOf, startHttp, startRaw } from './setup.ts';

const ROUNDS = 20;
const BODY = Buffer.alloc(3_000_000, 'x');

/** A server that refuses a body from its head alone: it answers, closes, and reads nothing of it. */
async function startStrict(): Promise<number> {
  const server = await startHttp(tooMuch);
  onTestFinished(() => void server.close());
  return portOf(server);
}

function tooMuch(_request: http.IncomingMessage, response: http.ServerResponse): void {
  response.writeHead(413, { Connection: 'close', 'Content-Length': '8' }).end('too much');
}

/** Sends a large body as a client that looks at the answer whenever it comes. @returns its status */
async function upload(port: number, path: string, headers: http.OutgoingHttpHeaders): Promise<number> {
  const request = http.request({ port, path, method: 'POST', agent: false, headers });
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
  // The server closes while the body is still on its way.
  request.on('error', () => {});
  request.end(BODY);
  const [response] = await answered;
  response.resume();
  return response.statusCode ?? 0;
}

async function uploads(port: number, path: string, headers: http.OutgoingHttpHeaders = {}) {
  const statuses = [];
  for (let i = 0; i < ROUNDS; i++) statuses.push(await upload(port, path, headers));
  return new Set(statuses);
}

it.each([
  ['of known length', { 'content-length': BODY.length }],
  ['in chunks', { 'transfer-encoding': 'chunked' }],
])('an answer that comes before the body was read reaches every caller: %s', async (_how, framing) => {
  const bench = await new Bench(await startStrict(), { access: { insecurePublic: true } }).listen();
  onTestFinished(() => bench.end());

  expect(await uploads(bench.port, '/mcp', framing)).toEqual(new Set([413]));
});

it('an answer that comes before the body was read is not lost over TLS', async () => {
  const server = https.createServer(makeCertificate(), tooMuch);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const upstream = { protocol: 'https:', host: '127.0.0.1', port: portOf(server), hostHeader: 'x' } as const;
  const bench = await new Bench(0, { upstream, access: { insecurePublic: true } }).listen();
  onTestFinished(() => bench.end());

  expect(await uploads(bench.port, '/mcp')).toEqual(new Set([413]));
});

it('an answer that comes before the body was read passes a relay too', async () => {
  const bench = new Bench(await startStrict(), { access: { insecurePublic: true } });
  onTestFinished(() => bench.end());
  const relay = await startRelay();
  bench.gateway.setPublicUrl(new URL(`${relay.url}/figma`));
  await relay.link('figma', (exchange) => bench.gateway.accept(exchange));

  expect(await uploads(relay.port, '/figma/mcp')).toEqual(new Set([413]));
});

it('a server that resets the connection without an answer is a 502', async () => {
  const server = await startRaw((socket) => socket.once('data', () => socket.resetAndDestroy()));
  onTestFinished(() => void server.close());
  const bench = await new Bench(portOf(server)).listen();
  onTestFinished(() => bench.end());

  const answer = await bench.ask(
    'POST /',
    `${BEARER}Content-Length: ${BODY.length}\r\n`,
    BODY.toString('latin1'),
  );

  expect(answer).toMatch(/^HTTP\/1\.1 502 /);
  expect(answer).toContain('x-tunneld-reason: upstream-closed');
});
