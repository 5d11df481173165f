import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { NetworkLegs } from '../../src/health/legs.ts';
import { FINDINGS, type Finding } from '../../src/health/sighting.ts';
import { freePort } from '../helpers/free-port.ts';
import {
  startFixed,
  startHangUp,
  startHostChecking,
  startHtml404,
  startMute,
  startNotHttp,
  startTls,
  startUnauthorized,
} from '../helpers/hostile-servers.ts';
import { listen, type TestServer } from '../helpers/mcp-servers.ts';
import { legsOptions, never } from './fixtures.ts';

const HTML = { 'content-type': 'text/html' };
const JSON_TYPE = { 'content-type': 'application/json' };
const rpcError = (code: number, message: string) =>
  JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } });

interface Row {
  readonly name: string;
  readonly start: () => Promise<TestServer>;
  readonly finding: Finding;
  readonly detail: RegExp;
  readonly remedy?: RegExp;
}

const ROWS: readonly Row[] = [
  {
    name: 'a TLS server',
    start: () => startTls(),
    finding: 'tls-expected',
    detail: /127\.0\.0\.1:\d+ speaks TLS/,
    remedy: /--url https:\/\/127\.0\.0\.1:\d+\/mcp/,
  },
  {
    name: 'nginx saying that its port is HTTPS',
    start: () => startFixed(400, HTML, '<h1>The plain HTTP request was sent to HTTPS port</h1>'),
    finding: 'tls-expected',
    detail: /wants TLS/,
  },
  { name: 'an SSH server', start: () => startNotHttp(), finding: 'not-http', detail: /does not speak HTTP/ },
  {
    name: 'a server that hangs up',
    start: () => startHangUp(),
    finding: 'hung-up',
    detail: /closes the connection/,
  },
  {
    name: 'a web application without MCP',
    start: () => startHtml404(),
    finding: 'wrong-path',
    detail: /404/,
    remedy: /--path \(now \/mcp\)/,
  },
  {
    name: 'a web page',
    start: () => startFixed(200, HTML, '<title>Hi</title>'),
    finding: 'not-mcp',
    detail: /200, text\/html/,
  },
  {
    name: 'a redirect to the path with a slash',
    start: () => startFixed(307, { location: '/mcp/' }, ''),
    finding: 'redirected',
    detail: /redirects to \/mcp\//,
    remedy: /^Use --path \/mcp\/$/,
  },
  {
    name: 'a server with its own authorization',
    start: () => startUnauthorized(),
    finding: 'needs-auth',
    detail: /own authorization \(401\)/,
  },
  {
    name: 'a guard that wants another Host',
    start: () => startHostChecking('mcp.example.com'),
    finding: 'host-refused',
    detail: /Invalid Host/,
    remedy: /hostHeader/,
  },
  {
    name: 'a misdirected request in plain text',
    start: () => startFixed(421, { 'content-type': 'text/plain' }, 'Invalid Host header'),
    finding: 'host-refused',
    detail: /421/,
  },
  {
    name: 'a failing server',
    start: () => startFixed(500, HTML, 'Internal\nServer Error'),
    finding: 'server-error',
    detail: /500 Internal Server Error/,
  },
  {
    name: 'a failing server that speaks JSON-RPC',
    start: () => startFixed(503, JSON_TYPE, rpcError(-32000, 'Too many open sessions')),
    finding: 'server-error',
    detail: /Too many open sessions/,
  },
  {
    name: 'a server that answers an unknown method with 500',
    start: () => startFixed(500, JSON_TYPE, rpcError(-32601, 'Method not found')),
    finding: 'ok',
    detail: /-32601/,
  },
  {
    name: 'a missing session said in plain text',
    start: () => startFixed(404, { 'content-type': 'text/plain' }, 'Session not found'),
    finding: 'ok',
    detail: /404/,
  },
  {
    name: 'a refusal that says nothing of MCP',
    start: () => startFixed(400, { 'content-type': 'text/plain' }, 'Bad Request'),
    finding: 'not-mcp',
    detail: /400, text\/plain/,
  },
];

describe('the local leg', () => {
  it.each(ROWS)('names what it meets: $name', async ({ start, finding, detail, remedy }) => {
    await using server = await start();
    const options = legsOptions(new URL(`http://127.0.0.1:${server.port}/mcp`));
    const legs = new NetworkLegs(options);
    const sighting = await legs.local(never);
    expect(sighting.finding).toBe(finding);
    expect(sighting.detail).toMatch(detail);
    const place = { address: `127.0.0.1:${server.port}`, path: '/mcp', timeoutMs: 10_000 };
    expect(sighting.remedy ?? FINDINGS[sighting.finding].remedy(place)).toMatch(remedy ?? /^/);
    await legs.close();
  });

  it('names the path at which the server does speak MCP, and looks for it only once', async () => {
    await using server = await listen((request, response) => {
      request.resume();
      const known = request.url === '/sse';
      response.writeHead(known ? 405 : 404, known ? { allow: 'GET, HEAD' } : HTML).end('nothing here');
    });
    const legs = new NetworkLegs(legsOptions(server.url));
    const sighting = await legs.local(never);
    expect(sighting).toMatchObject({
      finding: 'wrong-path',
      detail: 'the server knows no MCP at this path (404), but it does at /sse',
      remedy: 'Use --path /sse',
    });
    const asked = server.requests.length;
    expect(await legs.local(never)).toMatchObject({ remedy: 'Use --path /sse' });
    expect(server.requests.length - asked).toBe(2);
    expect(server.requests.filter((request) => request.startsWith('GET'))).toEqual([]);
    await legs.close();
  });

  it('says when nothing listens, and when something does again', async () => {
    const port = await freePort();
    const legs = new NetworkLegs(legsOptions(new URL(`http://127.0.0.1:${port}/mcp`)));
    expect(await legs.local(never)).toEqual({
      finding: 'refused',
      basis: 'tcp',
      detail: `nothing listens on 127.0.0.1:${port}`,
    });
    expect(await legs.listening(never)).toBe(false);
    await using _server = await startHtml404({ port });
    expect(await legs.listening(never)).toBe(true);
    await legs.close();
  });

  it('gives up on a server that accepts and never answers', async () => {
    await using server = await startMute();
    const legs = new NetworkLegs(legsOptions(server.url, { timeoutMs: 150 }));
    expect(await legs.local(never)).toMatchObject({
      finding: 'timeout',
      detail: expect.stringMatching(/does not answer within 0\.15 s/),
    });
    await legs.close();
  });

  it('accepts a self-signed certificate on loopback, where nobody can get another', async () => {
    await using server = await startTls();
    const legs = new NetworkLegs(legsOptions(server.url));
    expect(await legs.local(never)).toMatchObject({ finding: 'ok' });
    await legs.close();
  });

  it('says when https was configured and the server speaks plain HTTP', async () => {
    await using server = await startHtml404();
    const url = new URL(server.url.href.replace('http:', 'https:'));
    const legs = new NetworkLegs(legsOptions(url));
    expect(await legs.local(never)).toMatchObject({ finding: 'tls-unexpected' });
    await legs.close();
  });

  it('reads no further than the answer when the server keeps its stream open', async () => {
    await using streaming = await startOpenStream();
    const legs = new NetworkLegs(legsOptions(streaming.url));
    const sighting = await legs.local(never);
    expect(sighting).toMatchObject({ finding: 'ok', era: 'modern', server: 'endless 1' });
    await streaming.closed;
    await legs.close();
  });

  it('drops a body it does not need', async () => {
    const streams = new EventEmitter();
    const closed = once(streams, 'closed');
    await using server = await listen((request, response) => {
      request.resume();
      response.writeHead(200).write('for ever');
      response.on('close', () => streams.emit('closed'));
    });
    const legs = new NetworkLegs(legsOptions(server.url, { mode: 'http' }));
    expect(await legs.local(never)).toMatchObject({ finding: 'ok' });
    await closed;
    await legs.close();
  });

  it('rejects at once when it is cancelled', async () => {
    await using server = await startMute();
    const legs = new NetworkLegs(legsOptions(server.url));
    const controller = new AbortController();
    const probe = legs.local(controller.signal);
    controller.abort(new Error('enough'));
    await expect(probe).rejects.toThrow('enough');
    await legs.close();
  });
});

/** Answers with a priming event, a comment, a notification and the result, and never ends. */
async function startOpenStream() {
  const streams = new EventEmitter();
  const closed = once(streams, 'closed');
  const server = await listen((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const { id } = JSON.parse(body) as { id: string };
      const result = {
        supportedVersions: ['2026-07-28'],
        _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'endless', version: '1' } },
      };
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('id: 1\nretry: 10\ndata: \n\n: comment\n\n');
      response.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n');
      response.write(`event: message\r\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\r\n\r\n`);
      response.on('close', () => streams.emit('closed'));
    });
  });
  return Object.assign(server, { closed });
}
