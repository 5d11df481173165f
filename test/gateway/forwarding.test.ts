import { once } from 'node:events';
import type { Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { FakeClock } from '../helpers/fake-clock.ts';
import { waitFor } from '../helpers/wait-for.ts';
import {
  BEARER,
  Bench,
  bodyOf,
  type GatewayOverrides,
  portOf,
  startHttp,
  startRaw,
  stop,
  TOKEN,
} from './setup.ts';

const benches: Bench[] = [];
const servers: Server[] = [];

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.end();
  for (const server of servers.splice(0)) await stop(server);
});

async function inFrontOf(server: Server, overrides?: GatewayOverrides): Promise<Bench> {
  servers.push(server);
  const bench = await new Bench(portOf(server), overrides).listen();
  benches.push(bench);
  return bench;
}

/** A server that answers the first bytes of each connection with these, then does as told. */
function rawAnswer(answer: string, after: 'end' | 'keep' | 'reset' = 'end') {
  return startRaw((socket) => {
    socket.once('data', () => {
      socket.write(answer, 'latin1', () => {
        if (after === 'end') socket.end();
        if (after === 'reset') socket.resetAndDestroy();
      });
    });
    socket.on('end', () => socket.end());
  });
}

const CALL = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'echo' } });
const JSON_POST = `${BEARER}Content-Type: application/json\r\nContent-Length: ${CALL.length}\r\n`;

describe('a server that fails', () => {
  it('and is not there gets the caller a JSON-RPC error with its own id', async () => {
    const server = await startHttp(() => {});
    const bench = await inFrontOf(server);
    server.close();
    await once(server, 'close');
    servers.pop();

    const answer = await bench.ask('POST /mcp', JSON_POST, CALL);

    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer).toContain('x-tunneld-upstream: down');
    expect(answer).toContain('Retry-After: ');
    expect(JSON.parse(bodyOf(answer))).toMatchObject({
      jsonrpc: '2.0',
      id: 7,
      error: { code: -32603, data: { tunneld: { reason: 'server-down' } } },
    });
    expect(await bench.event()).toMatchObject({ outcome: 'upstream-failed', reason: 'server-down' });
  });

  it.each([
    ['speaks another protocol', 'SSH-2.0-OpenSSH_9.9\r\n\r\n', 'upstream-protocol'],
    [
      'frames its answer twice',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx',
      'upstream-protocol',
    ],
    [
      'repeats its length',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
      'upstream-protocol',
    ],
    ['closes without an answer', '', 'upstream-closed'],
    ['closes within its head', 'HTTP/1.1 200 OK\r\nContent-', 'upstream-closed'],
  ])('and %s is a 502', async (_what, bytes, reason) => {
    const bench = await inFrontOf(await rawAnswer(bytes));

    const answer = await bench.ask('GET /');

    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer).toContain(`x-tunneld-reason: ${reason}`);
  });

  it.each([
    ['of a known length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', 'end'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'end'],
    ['in chunks, reset', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'reset'],
    ['in broken chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxx\r\n', 'keep'],
  ] as const)('in the middle of an answer %s never looks complete', async (_what, bytes, after) => {
    const bench = await inFrontOf(await rawAnswer(bytes, after));

    const answer = await bench.ask('GET /');

    expect(answer).not.toMatch(/0\r\n\r\n$/);
    expect(bodyOf(answer).length).toBeLessThan(10);
    expect(await bench.event()).toMatchObject({ outcome: 'upstream-failed' });
  });

  it('never gets a request twice', async () => {
    let requests = 0;
    const server = await startRaw((socket) => {
      socket.on('data', () => {
        if (++requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else socket.destroy();
      });
      socket.on('end', () => socket.end());
    });
    const bench = await inFrontOf(server);

    expect(await bench.ask('POST /', JSON_POST, CALL)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await bench.ask('POST /', JSON_POST, CALL)).toMatch(/^HTTP\/1\.1 502 /);
    expect(requests).toBe(2);
  });

  it('may restart between two requests', async () => {
    const first = await startHttp((_request, response) => response.end('one'));
    const bench = await inFrontOf(first);
    expect(await bench.ask('GET /')).toContain('one');
    const port = portOf(first);
    first.closeAllConnections();
    first.close();
    await once(first, 'close');
    servers.pop();
    servers.push(await startHttp((_request, response) => response.end('two'), port));

    expect(await bench.ask('GET /')).toContain('two');
  });

  it('and stays silent is a 504 after the first-byte timeout', async () => {
    const clock = new FakeClock();
    const bench = await inFrontOf(await startRaw((socket) => socket.resume().on('end', () => socket.end())), {
      clock,
    });
    const client = bench.send('GET /');
    await waitFor(() => bench.gateway.active === 1);
    await clock.advance(62_000);

    expect(await client.until('first-byte-timeout')).toMatch(/^HTTP\/1\.1 504 /);
  });

  it('cannot smuggle a second answer to the next caller', async () => {
    const bench = await inFrontOf(
      await rawAnswer(
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
        'keep',
      ),
    );

    expect(bodyOf(await bench.ask('GET /'))).toBe('ok');
    expect(bodyOf(await bench.ask('GET /'))).toBe('ok');
  });
});

describe('bodies', () => {
  it('of 10 MB are the same both ways', async () => {
    const server = await startHttp((request, response) => void request.pipe(response));
    const bench = await inFrontOf(server);
    const body = Buffer.alloc(10_000_000, 'abcdefghij');

    const response = await fetch(`http://127.0.0.1:${bench.port}/`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${TOKEN}`, connection: 'close' },
    });

    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });

  it('answered before they are complete do not hang the caller', async () => {
    const bench = await inFrontOf(
      await startHttp((_request, response) => response.writeHead(413).end('too much')),
    );
    const client = bench.send('POST /', `${BEARER}Content-Length: 100000000\r\n`, 'x'.repeat(100_000));

    expect(await client.until('too much')).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('for one slow reader stall nobody else', async () => {
    const bench = await inFrontOf(
      await startHttp((request, response) =>
        response.end(request.url === '/big' ? Buffer.alloc(50_000_000) : 'small'),
      ),
    );
    const slow = bench.send('GET /big');
    slow.socket.pause();
    await waitFor(() => bench.gateway.active === 1);

    expect(await bench.ask('GET /small')).toContain('small');
    expect(bench.gateway.active).toBe(1);
  });
});

describe('event streams', () => {
  it('pass each event at once, and the end of the caller at once', async () => {
    let emit: (text: string) => void = () => {};
    let gone = false;
    const server = await startHttp((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      emit = (text) => void response.write(text);
      response.on('close', () => {
        gone = true;
      });
      emit('data: 1\n\n');
    });
    const bench = await inFrontOf(server);
    const client = bench.send('GET /sse');
    expect(await client.until('data: 1\n\n')).toMatch(/X-Accel-Buffering: no\r\nCache-Control: no-cache/);

    const sentAt = performance.now();
    emit('data: 2\n\n');
    await client.until('data: 2\n\n');
    expect(performance.now() - sentAt).toBeLessThan(50);
    await client.close();

    await waitFor(() => gone);
    expect(await bench.event()).toMatchObject({ outcome: 'caller-gone', sse: true });
  });

  it('get a comment when they are silent, never inside an event', async () => {
    const clock = new FakeClock();
    let emit: (text: string) => void = () => {};
    const server = await startHttp((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
      emit = (text) => void response.write(text);
      emit('data: {"half');
    });
    const bench = await inFrontOf(server, { clock, sseKeepAliveMs: 15_000 });
    const client = bench.send('GET /sse');
    await client.until('data: {"half');
    await clock.advance(40_000);
    expect(client.received).not.toContain(':\n\n');

    emit(' done\n\n');
    await client.until(' done\n\n');
    await clock.advance(18_000);

    await client.until(':\n\n');
  });

  it('of legacy servers name the endpoint as the caller must call it', async () => {
    const server = await startHttp((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('event: endpoint\nda');
      setTimeout(() => response.end('ta: /messages?id=1\n\nevent: endpoint\ndata: /other\n\n'), 10);
    });
    const bench = await inFrontOf(server);

    const answer = await bench.ask(`GET /t/${TOKEN}/sse`, '');

    expect(answer).toContain(`data: /t/${TOKEN}/messages?id=1\n\n`);
    expect(answer).toContain('data: /other\n\n');
  });
});

describe('limits', () => {
  it('refuse what is beyond the concurrency, with the reason', async () => {
    const bench = await inFrontOf(await startRaw((socket) => socket.resume().on('end', () => socket.end())), {
      limits: { concurrency: 1 },
    });
    bench.send('GET /');
    await waitFor(() => bench.gateway.active === 1);

    const answer = await bench.ask('POST /', JSON_POST, CALL);

    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toContain('x-tunneld-reason: too-many-requests');
    expect(JSON.parse(bodyOf(answer)).id).toBe(7);
  });
});

it('our own probe gets through where callers do not', async () => {
  const server = await startRaw((socket) => {
    socket.on('data', (bytes) => {
      if (bytes.toString().startsWith('GET /probe'))
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    socket.on('end', () => socket.end());
  });
  const bench = await inFrontOf(server, { limits: { concurrency: 1 } });
  bench.send('GET /hangs');
  await waitFor(() => bench.gateway.active === 1);

  expect(await bench.ask('GET /other')).toContain('x-tunneld-reason: too-many-requests');
  expect(await bench.ask('GET /probe', `${BEARER}X-Tunneld-Probe: probe.key.n1\r\n`)).toMatch(
    /^HTTP\/1\.1 200 /,
  );
});

it('our own probe gets through where more callers are let in already than may be from now on', async () => {
  const server = await startRaw((socket) => {
    socket.on('data', (bytes) => {
      if (bytes.toString().startsWith('GET /probe'))
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    socket.on('end', () => socket.end());
  });
  const bench = await inFrontOf(server, { limits: { concurrency: 2 } });
  for (let caller = 0; caller < 2; caller++) bench.send('GET /hangs');
  await waitFor(() => bench.gateway.active === 2);
  const { access, limits, sseKeepAliveMs } = bench.gateway.options;
  bench.gateway.reconfigure({ access, limits: { ...limits, concurrency: 1 }, sseKeepAliveMs });

  expect(await bench.ask('GET /other')).toContain('x-tunneld-reason: too-many-requests');
  expect(await bench.ask('GET /probe', `${BEARER}X-Tunneld-Probe: probe.key.n1\r\n`)).toMatch(
    /^HTTP\/1\.1 200 /,
  );
});

it('a probe that hangs takes no place of a caller', async () => {
  const server = await startRaw((socket) => {
    socket.on('data', (bytes) => {
      if (!bytes.toString().includes('/hangs')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    socket.on('end', () => socket.end());
  });
  const bench = await inFrontOf(server, { limits: { concurrency: 1 } });
  bench.send('GET /hangs', `${BEARER}X-Tunneld-Probe: probe.key.n1\r\n`);
  await waitFor(() => bench.gateway.active === 1);

  expect(await bench.ask('GET /other')).toMatch(/^HTTP\/1\.1 200 /);
});

describe('inspection', () => {
  it('names the call, hashes the session, and stays readable whatever callers send', async () => {
    const bench = await inFrontOf(await startHttp((_request, response) => response.end('ok')));
    const body = JSON.stringify({ id: 1, method: 'tools/call', params: { name: 'a\u001b[31m\nb' } });
    await bench.ask(
      'POST /mcp?key=v',
      `${BEARER}Content-Type: application/json\r\nMcp-Session-Id: secret-session\r\nContent-Length: ${body.length}\r\n`,
      body,
    );

    const event = await bench.event();

    expect(event).toMatchObject({ path: '/mcp', rpc: { method: 'tools/call', name: 'a?[31m?b' } });
    expect(event.session).toMatch(/^[0-9a-f]{12}$/);
    expect(JSON.stringify(event)).not.toContain('secret-session');
  });
});

describe('WebSockets', () => {
  it('pass both ways', async () => {
    const server = await startHttp(() => {});
    const echo = new WebSocketServer({ server });
    echo.on('connection', (socket) =>
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
    );
    const bench = await inFrontOf(server);
    const socket = new WebSocket(`ws://127.0.0.1:${bench.port}/ws`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    await once(socket, 'open');
    const big = Buffer.alloc(300_000, 'x');

    socket.send(big);
    const [message] = (await once(socket, 'message')) as [Buffer];
    socket.close();
    await once(socket, 'close');

    expect(message.equals(big)).toBe(true);
    expect(await bench.event()).toMatchObject({ status: 101, outcome: 'complete' });
    echo.close();
  });
});
