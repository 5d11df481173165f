import type { RequestListener } from 'node:http';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import type { Basis } from '../../src/core/status.ts';
import type { ProbeMode } from '../../src/health/dialects/speak.ts';
import { NetworkLegs } from '../../src/health/legs.ts';
import type { ProbeResult } from '../../src/health/probe-result.ts';
import { listen, startEverything, type TestServer } from '../helpers/mcp-servers.ts';
import { legsOptions, never, sign } from './fixtures.ts';

/** Ten minutes at a look every five seconds. */
const LOOKS = 120;

async function lookOften(legs: NetworkLegs, times = LOOKS): Promise<readonly ProbeResult[]> {
  const results: ProbeResult[] = [];
  for (let look = 0; look < times; look++) {
    results.push(await legs.local(never));
    expect(await legs.listening(never)).toBe(true);
  }
  return results;
}

/** One transport for everybody, as hand-written servers have it: a second stream takes the place of the first. */
async function startOneTransport(): Promise<TestServer & { readonly streams: () => number }> {
  const server = new McpServer({ name: 'one', version: '1' });
  server.registerTool('echo', {}, () => ({ content: [] }));
  let transport: SSEServerTransport | undefined;
  let streams = 0;
  const base = await listen(
    (request, response) => {
      if (request.url === '/sse' && (request.method === 'GET' || request.method === 'HEAD')) {
        streams++;
        transport = new SSEServerTransport('/messages', response);
        void server.connect(transport as Transport);
        return;
      }
      if (request.method === 'POST' && request.url?.startsWith('/messages')) {
        void transport?.handlePostMessage(request, response);
        return;
      }
      // Express's own answers.
      request.resume();
      if (request.method === 'OPTIONS' && request.url === '/sse') {
        response.writeHead(200, { allow: 'GET, HEAD' }).end('GET, HEAD');
      } else response.writeHead(404, { 'content-type': 'text/html' }).end(`Cannot ${request.method}`);
    },
    { path: '/sse', onStop: () => server.close() },
  );
  return Object.assign(base, { streams: () => streams });
}

describe('a legacy HTTP+SSE server', () => {
  it.each(['/sse', '/mcp'])('with one transport keeps its one client, looked at at %s', async (path) => {
    await using server = await startOneTransport();
    const client = new Client({ name: 'user', version: '1.0.0' });
    await client.connect(new SSEClientTransport(server.url) as Transport);
    const legs = new NetworkLegs(legsOptions(new URL(path, server.url)));
    const results = await lookOften(legs);
    expect(new Set(results.map(({ finding }) => finding))).toEqual(
      new Set([path === '/sse' ? 'ok' : 'wrong-path']),
    );
    expect(server.streams()).toBe(1);
    expect((await client.listTools()).tools).toHaveLength(1);
    await client.close();
    await legs.close();
  });

  it('of the SDK sees no session of ours, and is only connected to', async () => {
    await using server = await startEverything({ transport: 'sse' });
    const legs = new NetworkLegs(legsOptions(server.url));
    const results = await lookOften(legs);
    expect(results.at(-1)).toMatchObject({ finding: 'ok', basis: 'tcp', era: 'legacy-sse' });
    expect(server.sessionsOpened()).toBe(0);
    await legs.close();
  });

  it('is known by the stream of a caller where nothing else shows it', async () => {
    await using server = await listen((request, response) => {
      request.resume();
      response.writeHead(404).end();
    });
    const legs = new NetworkLegs(legsOptions(server.url));
    expect(await legs.local(never)).toMatchObject({ finding: 'wrong-path' });
    const asked = server.requests.length;
    const start = 'id: 1\nevent: endpoint\ndata: /messages?sid=1\n\n';
    const seen = { kind: 'answer', status: 200, type: 'text/event-stream', start } as const;
    legs.learn(sign({ method: 'GET', call: false, seen }));
    expect(await legs.local(never)).toMatchObject({ finding: 'ok', basis: 'tcp', era: 'legacy-sse' });
    expect(server.requests).toHaveLength(asked);
    await legs.close();
  });

  it('that might be a web page is called unproven', async () => {
    await using page = await listen((request, response) => {
      request.resume();
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    });
    const legs = new NetworkLegs(legsOptions(page.url));
    expect(await legs.local(never)).toMatchObject({ finding: 'unproven' });
    expect(page.requests.filter((request) => !/^(?:POST|OPTIONS) /.test(request))).toEqual([]);
    await legs.close();
  });
});

/** Keeps a transport for any request without a session, as Python's SDK did up to 1.29.1. */
async function startKeeping(refusal: 'rpc' | 'text') {
  let kept = 0;
  const error = { code: -32600, message: 'Session not found' };
  const server = await listen((request, response) => {
    request.resume();
    if (request.headers['mcp-session-id'] === undefined) {
      kept++;
      const body = {
        jsonrpc: '2.0',
        id: 'server-error',
        error: { code: -32600, message: 'Missing session ID' },
      };
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    } else if (refusal === 'rpc') {
      const body = { jsonrpc: '2.0', id: 'server-error', error };
      response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    } else response.writeHead(400).end('Bad Request: No valid session ID provided');
  });
  return Object.assign(server, { kept: () => kept });
}

describe('a server that keeps a session for every question without one', () => {
  it.each([
    ['auto', 'rpc'],
    ['auto', 'text'],
    ['discover', 'rpc'],
    ['http', 'rpc'],
    ['tcp', 'rpc'],
  ] as const)('keeps none of ours (%s, %s)', async (mode: ProbeMode, refusal) => {
    await using server = await startKeeping(refusal);
    const legs = new NetworkLegs(legsOptions(server.url, { mode }));
    for (const { finding } of await lookOften(legs)) expect(finding).toBe('ok');
    expect(server.kept()).toBe(0);
    await legs.close();
  });
});

/** Bans whoever fails to log in five times. */
async function startBanning() {
  let failed = 0;
  const server = await listen((request, response) => {
    request.resume();
    if (failed >= 5) response.writeHead(403).end();
    else if (request.headers.authorization === 'Bearer right') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"Method not found"}}');
    } else {
      failed++;
      response.writeHead(401).end();
    }
  });
  return Object.assign(server, { failed: () => failed });
}

describe('a server that counts failed logins', () => {
  it.each(['auto', 'discover', 'initialize', 'http'] as const)(
    'counts one of ours at most (%s)',
    async (mode) => {
      await using server = await startBanning();
      const legs = new NetworkLegs(legsOptions(server.url, { mode }));
      const results = await lookOften(legs);
      expect(results.at(-1)).toMatchObject({
        finding: mode === 'http' ? 'ok' : 'needs-auth',
        basis: 'tcp',
      });
      // It hung and came back; it did not forget us.
      legs.forget(false);
      await lookOften(legs, 3);
      expect(server.failed()).toBe(1);
      await legs.close();
    },
  );

  it('is asked in earnest with its own authorization', async () => {
    await using server = await startBanning();
    const legs = new NetworkLegs(legsOptions(server.url, { authorization: new Secret('Bearer right') }));
    for (const result of await lookOften(legs))
      expect(result).toMatchObject({ finding: 'ok', basis: 'discover' });
    expect(server.failed()).toBe(0);
    await legs.close();
  });
});

it('a server to which a question is dear is asked once, and more often only when something is wrong', async () => {
  let asked = 0;
  await using server = await listen((request, response) => {
    request.resume();
    asked++;
    setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(REFUSAL), 300);
  });
  // A busy machine must not make the first answer look missing.
  const legs = new NetworkLegs(legsOptions(server.url, { timeoutMs: 60_000 }));
  const bases: Basis[] = (await lookOften(legs, 20)).map(({ basis }) => basis);
  expect(bases).toEqual(['discover', ...Array(19).fill('tcp')]);
  expect(asked).toBe(1);
  await legs.local(never, true);
  expect(asked).toBe(2);
  await legs.close();
});

const REFUSAL = '{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"Method not found"}}';

it('a server that limits us is left alone for as long as it asks', async () => {
  await using server = await listen((request, response) => {
    request.resume();
    response.writeHead(429, { 'retry-after': '600' }).end();
  });
  const legs = new NetworkLegs(legsOptions(server.url));
  for (const { finding } of await lookOften(legs, 20)) expect(finding).toBe('limited');
  expect(server.requests).toHaveLength(1);
  await legs.close();
});

describe('initialize', () => {
  const initialized = (opened?: string) =>
    sign({
      rpc: 'initialize',
      seen: { kind: 'answer', status: 200, type: 'application/json', start: '{"jsonrpc":"2.0","result":{}}' },
      ...(opened !== undefined && { opened }),
    });

  it('is not asked of a server that may have one session', async () => {
    await using server = await startEverything({ transport: 'streamableHttp' });
    const legs = new NetworkLegs(legsOptions(server.url));
    legs.learn(initialized('a'));
    legs.learn(sign({ session: 'a' }));
    legs.learn(initialized('b'));
    for (let look = 0; look < 5; look++) {
      expect(await legs.local(never, true)).toMatchObject({ finding: 'ok', basis: 'discover' });
    }
    expect(server.sessionsOpened()).toBe(0);
    await legs.close();
  });

  it('is asked once of a server that held two sessions at once, and ends with us', async () => {
    await using server = await startEverything({ transport: 'streamableHttp' });
    const legs = new NetworkLegs(legsOptions(server.url));
    await legs.local(never);
    legs.learn(initialized('a'));
    legs.learn(initialized('b'));
    legs.learn(sign({ session: 'a' }));
    for (let look = 0; look < 5; look++) {
      // A machine under load is slow to answer, which is no reason to look less closely here.
      expect(await legs.local(never, true)).toMatchObject({ finding: 'ok', basis: 'initialize' });
    }
    expect(server.sessionsOpened()).toBe(1);
    await legs.close();
  });

  it('is asked of a server that answered a caller without a session', async () => {
    await using server = await startStateless();
    const legs = new NetworkLegs(legsOptions(server.url));
    await legs.local(never);
    legs.learn(initialized());
    for (let look = 0; look < 5; look++) {
      expect(await legs.local(never, true)).toMatchObject({
        finding: 'ok',
        basis: 'initialize',
        server: 'stateless 1',
      });
    }
    await legs.close();
  });
});

function startStateless(): Promise<TestServer> {
  return listen((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const { id, method } = JSON.parse(body) as { id?: string; method: string };
      const result = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        serverInfo: { name: 'stateless', version: '1' },
      };
      const error = { code: -32601, message: 'Method not found' };
      const answer = method === 'initialize' ? { result } : { error };
      response.writeHead(id === undefined ? 202 : 200, { 'content-type': 'application/json' });
      response.end(id === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
    });
  });
}

it('a server that leaves unknown methods unanswered is asked another question before it is called down', async () => {
  let hung = 0;
  await using server = await listen((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      if (body.includes('server/discover')) hung++;
      if (body.includes('"ping"'))
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end('{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"x"}}');
    });
  });
  const legs = new NetworkLegs(legsOptions(server.url, { timeoutMs: 1_000 }));
  expect(await legs.local(never)).toMatchObject({ finding: 'ok', era: 'legacy' });
  const before = hung;
  // Known by now: the first question is not asked in vain again.
  expect(await legs.local(never)).toMatchObject({ finding: 'ok' });
  expect(hung).toBe(before);
  await legs.close();
});

it('a server that is dear to ask is asked anew when nothing listened there meanwhile', async () => {
  let asked = 0;
  const handler: RequestListener = (_request, response) => {
    asked++;
    setTimeout(() => response.writeHead(400).end('Bad Request: Server not initialized'), 260);
  };
  const first = await listen(handler);
  const legs = new NetworkLegs(legsOptions(first.url, { timeoutMs: 10_000 }));
  expect(await legs.local(never)).toMatchObject({ finding: 'ok', basis: 'discover' });
  expect(await legs.local(never)).toMatchObject({ finding: 'ok', basis: 'tcp' });
  await first.stop();
  expect(await legs.local(never)).toMatchObject({ finding: 'refused' });
  const before = asked;
  await using _second = await listen(handler, { port: first.port });
  expect(await legs.local(never)).toMatchObject({ finding: 'ok', basis: 'discover' });
  expect(asked).toBeGreaterThan(before);
  await legs.close();
});
