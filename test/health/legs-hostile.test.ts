import { EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { NetworkLegs } from '../../src/health/legs.ts';
import { FINDINGS, type Finding } from '../../src/health/probe-result.ts';
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
  {
    name: 'a router that asks for a password',
    start: () => startFixed(401, { ...HTML, 'www-authenticate': 'Basic realm="router"' }, '<h1>Login</h1>'),
    finding: 'not-mcp',
    detail: /401/,
    remedy: /health\.authorization/,
  },
  {
    name: 'AirPlay on a Mac',
    start: () => startFixed(403, { server: 'AirTunes/860.7.1' }, ''),
    finding: 'not-mcp',
    detail: /403, AirTunes/,
    remedy: /AirPlay/,
  },
  {
    name: 'a web page that refuses',
    start: () => startFixed(400, HTML, '<h1>Bad Request</h1>'),
    finding: 'not-mcp',
    detail: /400, text\/html/,
  },
  {
    name: 'a missing page that mentions a session',
    start: () => startFixed(404, HTML, 'Your session has expired, or there is no such page'),
    finding: 'wrong-path',
    detail: /404/,
  },
  {
    name: 'a WebSocket server',
    start: () => startFixed(426, {}, 'Upgrade Required'),
    finding: 'not-mcp',
    detail: /426/,
  },
  { name: 'a picky web server', start: () => startFixed(406, HTML, 'no'), finding: 'not-mcp', detail: /406/ },
  {
    name: 'a server that limits us',
    start: () => startFixed(429, {}, ''),
    finding: 'limited',
    detail: /429/,
  },
  {
    name: "Python's web server",
    start: () => startFixed(501, HTML, 'no'),
    finding: 'wrong-path',
    detail: /501/,
  },
  {
    name: 'the Python SDK without a session',
    start: () =>
      startFixed(400, JSON_TYPE, rpcError(-32600, 'Missing session ID').replace('null', '"server-error"')),
    finding: 'ok',
    detail: /-32600/,
  },
  {
    name: "the Go SDK's SSE handler",
    start: () => startFixed(400, { 'content-type': 'text/plain' }, 'sessionid must be provided'),
    finding: 'ok',
    detail: /HTTP\+SSE/,
  },
  {
    name: 'a wrapper whose child is dead',
    start: () => startFixed(200, JSON_TYPE, rpcError(-32000, 'Not connected')),
    finding: 'server-error',
    detail: /is gone \("Not connected"\)/,
  },
];

/** Bytes that the traffic is refused for as well, with the same word. */
const BROKEN: readonly (readonly [name: string, bytes: string, finding: Finding, detail: RegExp])[] = [
  [
    'Transfer-Encoding twice',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'bad-http',
    /repeated-transfer-encoding/,
  ],
  ['too many headers', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(101)}\r\n`, 'bad-http', /too-many-headers/],
  ['a status of 999', 'HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n', 'bad-http', /bad-status-line/],
  [
    'an empty line first',
    '\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    'bad-http',
    /empty-status-line/,
  ],
  ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', 'bad-http', /bare-line-feed/],
  [
    'a folded header',
    'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n',
    'bad-http',
    /folded-header/,
  ],
  ['a control byte', 'HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n', 'bad-http', /bad-header-line|control-byte/],
  [
    'a head of 40 kB',
    `HTTP/1.1 404 No\r\nA: ${'b'.repeat(40_000)}\r\nContent-Length: 0\r\n\r\n`,
    'wrong-path',
    /404/,
  ],
  ['a head of 90 kB', `HTTP/1.1 404 No\r\nA: ${'b'.repeat(90_000)}\r\n\r\n`, 'bad-http', /head-too-large/],
  ['SSH', 'SSH-2.0-OpenSSH_9.6\r\n', 'not-http', /does not speak HTTP/],
  ['SMTP', '220 mail.example ESMTP\r\n', 'not-http', /does not speak HTTP/],
  ['Redis', "-ERR unknown command 'POST'\r\n", 'not-http', /does not speak HTTP/],
  ['a TLS alert', '\x15\x03\x03\x00\x02\x02\x0a', 'tls-expected', /speaks TLS/],
];

it.each(BROKEN)(
  'the local leg names %s at once, in the words of the traffic',
  async (_name, bytes, finding, detail) => {
    // It never closes: whoever waits for an end waits until his deadline.
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(Buffer.from(bytes, 'latin1'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const legs = new NetworkLegs(legsOptions(new URL(`http://127.0.0.1:${port}/mcp`), { timeoutMs: 60_000 }));
    const result = await legs.local(never);
    expect(result).toMatchObject({ finding, detail: expect.stringMatching(detail) });
    await legs.close();
    server.close();
  },
);

describe('the local leg', () => {
  it.each(ROWS)('names what it meets: $name', async ({ start, finding, detail, remedy }) => {
    await using server = await start();
    const options = legsOptions(new URL(`http://127.0.0.1:${server.port}/mcp`));
    const legs = new NetworkLegs(options);
    const result = await legs.local(never);
    expect(result.finding).toBe(finding);
    expect(result.detail).toMatch(detail);
    const place = { address: `127.0.0.1:${server.port}`, path: '/mcp', timeoutMs: 10_000 };
    expect(result.remedy ?? FINDINGS[result.finding].remedy(place)).toMatch(remedy ?? /^/);
    await legs.close();
  });

  it('names the path at which the server does speak MCP, and looks for it only once', async () => {
    await using server = await listen((request, response) => {
      request.resume();
      const known = request.url === '/sse';
      response.writeHead(known ? 405 : 404, known ? { allow: 'GET, HEAD' } : HTML).end('nothing here');
    });
    const legs = new NetworkLegs(legsOptions(server.url));
    const result = await legs.local(never);
    expect(result).toMatchObject({
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

  it('does not call a server down that accepts and never answered anybody, and says what it was asked', async () => {
    await using server = await startMute();
    const legs = new NetworkLegs(legsOptions(server.url, { timeoutMs: 150 }));
    expect(await legs.local(never)).toMatchObject({
      finding: 'silent',
      basis: 'tcp',
      detail: expect.stringMatching(/\(server\/discover, ping and OPTIONS\) within 0\.15 s.*not known$/),
    });
    await legs.close();
  });

  it('gives up on a server that answered before, or must know what it is asked', async () => {
    let hangs = false;
    await using server = await listen((_request, response) => {
      if (!hangs)
        response.writeHead(400, { 'content-type': 'text/plain' }).end('Bad Request: Server not initialized');
    });
    const legs = new NetworkLegs(legsOptions(server.url, { timeoutMs: 2_000 }));
    expect(await legs.local(never)).toMatchObject({ finding: 'ok' });
    hangs = true;
    const asked = new NetworkLegs(legsOptions(server.url, { timeoutMs: 150, mode: 'initialize' }));
    for (const leg of [legs, asked]) {
      expect(await leg.local(never)).toMatchObject({
        finding: 'timeout',
        detail: expect.stringMatching(/does not answer within /),
      });
      await leg.close();
    }
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
    const result = await legs.local(never);
    expect(result).toMatchObject({ finding: 'ok', era: 'modern', server: 'endless 1' });
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
