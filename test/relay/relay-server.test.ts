import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { Exchange } from '../../src/core/exchange.ts';
import { Flow } from '../../src/core/exchange.ts';
import { responseHead } from '../../src/http1/response-head.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { FaultProxy } from '../helpers/fault-proxy.ts';
import { untilStill, waitFor } from '../helpers/wait-for.ts';
import { collect, echo, head, say, startRelay } from './relay-harness.ts';

/** A raw visitor, for what fetch hides. */
function visit(port: number, request: string): { socket: Socket; text: () => string; closed: () => boolean } {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  let closed = false;
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  socket.write(request);
  return { socket, text: () => text, closed: () => closed };
}

function switching(accept: string) {
  const headers = ['Upgrade', 'websocket', 'Connection', 'Upgrade', 'Sec-WebSocket-Accept', accept];
  return responseHead(101, headers, { kind: 'stream' });
}

function createAccept(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

describe('the relay routes by path', () => {
  it.each([
    ['/figma/mcp?x=1', '/mcp?x=1'],
    ['/figma', '/'],
    ['/figma?x=1', '/?x=1'],
    ['/figma/', '/'],
    ['/figma/a%2F..%2fb/../c', '/a%2F..%2fb/../c'],
    ['/.well-known/oauth-protected-resource/figma/mcp', '/.well-known/oauth-protected-resource/mcp'],
    ['/.well-known/oauth-protected-resource/figma', '/.well-known/oauth-protected-resource'],
    ['/.well-known/oauth-protected-resource/figma/', '/.well-known/oauth-protected-resource'],
    ['/.well-known/oauth-authorization-server/figma?x=1', '/.well-known/oauth-authorization-server?x=1'],
    ['/.well-known/openid-configuration/figma/tenant', '/.well-known/openid-configuration/tenant'],
    ['/figma/.well-known/openid-configuration', '/.well-known/openid-configuration'],
  ])('%s reaches the tunnel as %s', async (target, expected) => {
    const relay = await startRelay();
    await relay.link('figma', (exchange) => say(exchange.request.target)(exchange));
    const visitor = visit(relay.port, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await waitFor(() => visitor.closed());
    expect(visitor.text().split('\r\n\r\n')[1]).toBe(expected);
  });

  it.each([
    ['GET', '/', 200, 'home'],
    ['POST', '/', 404, 'unknown-tunnel'],
    ['GET', '/nobody/mcp', 404, 'unknown-tunnel'],
    ['GET', '/Figma/mcp', 404, 'unknown-tunnel'],
    ['GET', '/%66igma/mcp', 404, 'unknown-tunnel'],
    ['GET', '/figma//evil.example/x', 404, 'unknown-tunnel'],
    ['GET', '//figma/mcp', 404, 'unknown-tunnel'],
    ['GET', '/figmatic/mcp', 404, 'unknown-tunnel'],
    ['GET', '/_tunneld/link', 426, 'upgrade-required'],
    ['GET', '/.well-known/oauth-protected-resource', 404, 'no-oauth'],
    ['GET', '/.well-known/oauth-authorization-server/nobody/mcp', 404, 'no-oauth'],
    ['GET', '/.well-known/oauth-protected-resource//figma/mcp', 404, 'no-oauth'],
    ['GET', '/.well-known/other/figma/mcp', 404, 'unknown-tunnel'],
    ['GET', '/.well-known/openid-configuration?x', 404, 'no-oauth'],
    ['POST', '/register', 404, 'no-oauth'],
  ])('%s %s is answered %i by the relay itself (%s)', async (method, path, status, reason) => {
    const relay = await startRelay();
    await relay.link('figma', say('tunnel'));
    const visitor = visit(
      relay.port,
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    await waitFor(() => visitor.closed());
    expect(visitor.text()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(visitor.text()).toContain(`x-tunneld-relay: ${reason}\r\n`);
    // The gateway's marker would make a probe take this for the server's answer.
    expect(visitor.text()).not.toMatch(/\r\nX-Tunneld:/i);
  });

  it('answers in JSON-RPC where JSON was posted', async () => {
    const relay = await startRelay();
    const response = await fetch(`${relay.url}/nobody/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      jsonrpc: '2.0',
      id: null,
      error: { data: { tunneld: { reason: 'unknown-tunnel' } } },
    });
  });

  it('tells the tunnel who the visitor is, whatever the visitor claims', async () => {
    const relay = await startRelay();
    let seen: Exchange | undefined;
    await relay.link('figma', (exchange) => {
      seen = exchange;
      say('ok')(exchange);
    });
    const visitor = visit(
      relay.port,
      'GET /figma/ HTTP/1.1\r\nHost: relay.test:80\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nConnection: close\r\n\r\n',
    );
    await waitFor(() => visitor.closed());
    expect(seen?.peer).toEqual({
      address: '127.0.0.1',
      scheme: 'http',
      host: 'relay.test:80',
      via: 'provider',
    });
  });
});

describe('the relay carries exchanges', () => {
  it('10 MB up and down, unchanged', async () => {
    const relay = await startRelay();
    await relay.link('figma', echo);
    const body = Buffer.alloc(10_000_000);
    for (let at = 0; at < body.length; at += 4) body.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
    const response = await fetch(`${relay.url}/figma/`, { method: 'POST', body });
    const back = Buffer.from(await response.arrayBuffer());
    expect(back.equals(body)).toBe(true);
  });

  it.each(['up', 'down'])(
    'twenty bodies at once %s a link that is slower than they are',
    async (direction) => {
      const relay = await startRelay();
      const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
      onTestFinished(() => proxy.close());
      proxy.faults.bytesPerSecond = 30_000_000;
      const body = (index: number) => Buffer.alloc(600_000, `body ${index} `);
      await relay.link(
        'figma',
        (exchange) => {
          if (direction === 'up') {
            collect(exchange, (received) =>
              say(String(received.equals(Buffer.alloc(received.length, `body ${received.length % 1_000} `))))(
                exchange,
              ),
            );
            return;
          }
          let at = 0;
          const all = body(Number(exchange.request.target.slice(1)));
          exchange.respond(head(200));
          exchange.onDrain = go;
          go();
          function go(): void {
            while (at < all.length) {
              const piece = all.subarray(at, at + 50_000);
              at += piece.length;
              if (exchange.write(piece) === Flow.paused) return;
            }
            exchange.end();
          }
        },
        { port: proxy.port },
      );
      const results = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          if (direction === 'up') {
            // The length says which body it is.
            const bytes = Buffer.alloc(600_000 + index, `body ${index} `);
            const response = await fetch(`${relay.url}/figma/${index}`, { method: 'POST', body: bytes });
            return await response.text();
          }
          const response = await fetch(`${relay.url}/figma/${index}`);
          return String(Buffer.from(await response.arrayBuffer()).equals(body(index)));
        }),
      );
      expect(results).toEqual(Array.from({ length: 20 }, () => 'true'));
    },
  );

  it('a body whose pieces the gateway keeps: what it holds is not read over', async () => {
    const relay = await startRelay();
    const body = Buffer.alloc(2_000_000);
    for (let at = 0; at < body.length; at += 4) body.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
    await relay.link('figma', (exchange) => {
      const kept: Buffer[] = [];
      exchange.readBody({
        data(chunk) {
          kept.push(chunk);
          return Flow.retained;
        },
        end: () => say(String(Buffer.concat(kept).equals(body)))(exchange),
        abort: () => {},
      });
    });
    expect(await (await fetch(`${relay.url}/figma/`, { method: 'POST', body })).text()).toBe('true');
  });

  it('headers as they are, repeated ones too, and a known length', async () => {
    const relay = await startRelay();
    await relay.link('figma', (exchange) => {
      const body = Buffer.from('ok');
      exchange.respond(head(200, 2, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']), body, true);
    });
    const response = await fetch(`${relay.url}/figma/`);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('content-length')).toBe('2');
  });

  it('an event as soon as it is written, on a stream that stays open', async () => {
    const relay = await startRelay();
    let exchange: Exchange | undefined;
    await relay.link('figma', (incoming) => {
      exchange = incoming;
      incoming.respond(head(200));
    });
    const response = await fetch(`${relay.url}/figma/sse`);
    const reader = response.body?.getReader();
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      exchange?.write(Buffer.from(event));
      const { value } = (await reader?.read()) ?? {};
      expect(Buffer.from(value ?? []).toString()).toBe(event);
    }
    exchange?.end();
    expect((await reader?.read())?.done).toBe(true);
  });

  it('an upgrade, both ways, until either side closes', async () => {
    const relay = await startRelay();
    await relay.link('figma', (exchange) => {
      const key = exchange.request.get('sec-websocket-key') ?? '';
      // The accept key is the server's to make; ws checks it.
      const accept = createAccept(key);
      exchange.readBody({
        data: (chunk) => {
          // An unmasked echo of a short masked text frame.
          const frame = Buffer.from(chunk);
          if ((frame[0] ?? 0) === 0x88) {
            exchange.end();
            return Flow.consumed;
          }
          const payload = frame.subarray(6).map((byte, index) => byte ^ (frame[2 + (index & 3)] ?? 0));
          return exchange.write(Buffer.from([0x81, payload.length, ...payload]));
        },
        end: () => exchange.end(),
        abort: () => {},
      });
      exchange.respond(switching(accept));
    });
    const client = new WebSocket(`ws://127.0.0.1:${relay.port}/figma/ws`);
    const got = await new Promise<string>((resolve, reject) => {
      client.on('open', () => client.send('hello'));
      client.on('message', (data: Buffer) => resolve(data.toString()));
      client.on('error', reject);
    });
    expect(got).toBe('hello');
    const closed = new Promise((resolve) => client.on('close', resolve));
    client.terminate();
    await closed;
    await waitFor(() => relay.server.stats.streams === 0);
  });

  it('the end of a visitor that goes away, to the agent at once', async () => {
    const relay = await startRelay();
    const reasons: string[] = [];
    let started = false;
    await relay.link('figma', (exchange) => {
      exchange.onClose = (reason) => reasons.push(reason);
      exchange.readBody({
        data: () => Flow.consumed,
        end() {},
        abort: (reason) => reasons.push(`body ${reason}`),
      });
      started = true;
    });
    const visitor = visit(relay.port, 'POST /figma/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf');
    await waitFor(() => started);
    visitor.socket.destroy();
    await waitFor(() => reasons.length === 2);
    expect(reasons).toEqual(['body caller-gone', 'caller-gone']);
    expect(relay.server.stats.streams).toBe(0);
  });

  it('a slow reader without harm to the others or to memory', async () => {
    const relay = await startRelay();
    let written = 0;
    const piece = Buffer.alloc(65_536, 'x');
    await relay.link('figma', (exchange) => {
      if (exchange.request.target === '/quick') {
        say('quick')(exchange);
        return;
      }
      exchange.respond(head(200));
      const go = () => {
        while (written < 200_000_000) {
          written += piece.length;
          if (exchange.write(piece) === Flow.paused) return;
        }
      };
      exchange.onDrain = go;
      go();
    });
    const visitor = visit(relay.port, 'GET /figma/endless HTTP/1.1\r\nHost: x\r\n\r\n');
    visitor.socket.pause();
    // It stops by itself: windows and socket buffers are full.
    await untilStill(() => written);
    expect(written).toBeLessThan(60_000_000);
    for (let call = 0; call < 20; call++) {
      expect(await (await fetch(`${relay.url}/figma/quick`)).text()).toBe('quick');
    }
  });

  it('no more requests than the limit, and 503 with Retry-After beyond', async () => {
    const relay = await startRelay({ limits: { streamsPerLink: 3 } });
    const open: Exchange[] = [];
    await relay.link('figma', (exchange) => void open.push(exchange));
    const answers: Response[] = [];
    const calls = Array.from({ length: 8 }, async () => {
      answers.push(await fetch(`${relay.url}/figma/`));
    });
    // All of them are decided before any place becomes free again.
    await waitFor(() => open.length === 3 && answers.length === 5);
    for (const refused of answers) {
      expect(refused.status).toBe(503);
      expect(refused.headers.get('x-tunneld-relay')).toBe('tunnel-busy');
      expect(refused.headers.get('retry-after')).toBe('1');
    }
    for (const exchange of open) say('late')(exchange);
    await Promise.all(calls);
    expect(answers.slice(5).map((answer) => answer.status)).toEqual([200, 200, 200]);
  });
});

describe('what a visitor sends hurts only the visitor', () => {
  it.each([
    ['a body broken from its first byte', 'Transfer-Encoding: chunked\r\n\r\nzzz\r\n', 400],
    ['a body broken in its middle', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzzz\r\n', 400],
    ['a host as long as a head may be', `Content-Length: 0\r\n\r\n`, 200],
  ])('%s', async (what, rest, status) => {
    const relay = await startRelay();
    await relay.link('figma', (exchange) => collect(exchange, () => say('whole')(exchange)));
    const host = what.includes('host') ? 'h'.repeat(16_000) : 'x';
    const visitor = visit(
      relay.port,
      `POST /figma/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${rest}`,
    );
    await waitFor(() => visitor.text().startsWith(`HTTP/1.1 ${status} `));
    expect(relay.server.stats).toMatchObject({ links: 1, streams: 0 });
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('whole');
  });

  it('a handler that fails breaks one exchange, not the link', async () => {
    const relay = await startRelay();
    await relay.link('figma', (exchange) => {
      if (exchange.request.target === '/bug') throw new Error('a bug');
      say('fine')(exchange);
    });
    expect((await fetch(`${relay.url}/figma/bug`)).status).toBe(502);
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('fine');
  });
});

describe('the relay never makes a failure look whole', () => {
  it('502 when the link is lost before the answer began', async () => {
    const relay = await startRelay();
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    let asked = false;
    const link = await relay.link(
      'figma',
      () => {
        asked = true;
      },
      { port: proxy.port },
    );
    const call = fetch(`${relay.url}/figma/`);
    await waitFor(() => asked);
    const before = performance.now();
    proxy.cut('rst');
    const response = await call;
    expect(response.status).toBe(502);
    expect(response.headers.get('x-tunneld-relay')).toBe('link-lost');
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(await link.closed).toMatchObject({ reason: 'ended', error: { code: 'SESSION_LOST' } });
  });

  it.each(['rst', 'fin'] as const)('a cut answer when the link is lost in its middle (%s)', async (how) => {
    const relay = await startRelay();
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    const closes: string[] = [];
    await relay.link(
      'figma',
      (exchange) => {
        exchange.onClose = (reason) => closes.push(reason);
        exchange.respond(head(200));
        exchange.write(Buffer.from('the first half'));
      },
      { port: proxy.port },
    );
    const visitor = visit(relay.port, 'GET /figma/ HTTP/1.1\r\nHost: x\r\n\r\n');
    await waitFor(() => visitor.text().includes('the first half'));
    proxy.cut(how);
    await waitFor(() => visitor.closed());
    // The last chunk is what says that a body is complete.
    expect(visitor.text()).not.toContain('\r\n0\r\n');
    await waitFor(() => closes.length === 1);
  });

  it('a cut answer when the handler gives up in its middle, 502 before', async () => {
    const relay = await startRelay();
    await relay.link('figma', (exchange) => {
      if (exchange.request.target === '/middle') {
        exchange.respond(head(200, 100));
        exchange.write(Buffer.from('part'));
      }
      exchange.abort('the server went away');
    });
    expect((await fetch(`${relay.url}/figma/start`)).status).toBe(502);
    const visitor = visit(relay.port, 'GET /figma/middle HTTP/1.1\r\nHost: x\r\n\r\n');
    await waitFor(() => visitor.closed());
    expect(visitor.text()).not.toMatch(/HTTP\/1\.1 200 .*part.+/s);
  });

  it('an answer shorter or longer than its head says', async () => {
    const relay = await startRelay();
    const closes: string[] = [];
    await relay.link('figma', (exchange) => {
      exchange.onClose = (reason) => closes.push(reason);
      exchange.respond(head(200, 10));
      exchange.write(Buffer.alloc(exchange.request.target === '/short' ? 5 : 15, 'x'));
      exchange.end();
    });
    for (const path of ['short', 'long']) {
      const visitor = visit(relay.port, `GET /figma/${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await waitFor(() => visitor.closed());
      expect(visitor.text()).not.toContain('xxxxxxxxxx');
    }
    expect(closes).toEqual(['answer-too-short', 'answer-too-long']);
  });

  it('an early answer reaches the visitor although the upload is not over', async () => {
    const relay = await startRelay();
    await relay.link('figma', say('no need for that'));
    const visitor = visit(
      relay.port,
      `POST /figma/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n${'x'.repeat(700_000)}`,
    );
    await waitFor(() => visitor.text().includes('no need for that'));
    expect(visitor.text()).toMatch(/\r\nConnection: close\r\n/i);
    expect(relay.server.stats.streams).toBe(0);
  });
});

describe('the relay keeps one holder a name', () => {
  it('the same identity takes over; the old link finishes its calls, and its end hurts nobody', async () => {
    const relay = await startRelay();
    const open: Exchange[] = [];
    const old = await relay.link('figma', (exchange) => void open.push(exchange));
    const slow = fetch(`${relay.url}/figma/slow`);
    await waitFor(() => open.length === 1);
    await relay.link('figma', say('new'));
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('new');
    const [exchange] = open;
    if (exchange) say('old')(exchange);
    expect(await (await slow).text()).toBe('old');
    expect(await old.closed).toMatchObject({ reason: 'ended', error: { code: 'RELAY_NAME_HELD' } });
    await waitFor(() => relay.server.stats.links === 1);
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('new');
  });

  it('another identity is refused, and the holder does not notice', async () => {
    const relay = await startRelay();
    await relay.link('figma', say('alice'));
    await expect(relay.link('figma', say('mallory'), { token: 'mallory' })).rejects.toMatchObject({
      code: 'RELAY_NAME_TAKEN',
      retryable: false,
    });
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('alice');
  });

  it('a name lost a moment ago is still its owner’s, and free once closed on purpose', async () => {
    const relay = await startRelay();
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    const lost = await relay.link('figma', say('alice'), { port: proxy.port });
    proxy.cut();
    await lost.closed;
    await waitFor(() => relay.server.stats.links === 0);
    await expect(relay.link('figma', say('x'), { token: 'mallory' })).rejects.toMatchObject({
      code: 'RELAY_NAME_TAKEN',
    });
    const back = await relay.link('figma', say('alice again'));
    await back.close();
    await waitFor(() => relay.server.stats.links === 0);
    await relay.link('figma', say('mallory'), { token: 'mallory' });
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('mallory');
  });

  it('a call made while the link is down waits for its reconnect', async () => {
    const relay = await startRelay();
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    const lost = await relay.link('figma', say('before'), { port: proxy.port });
    proxy.cut();
    await lost.closed;
    await waitFor(() => relay.server.stats.links === 0);
    const call = fetch(`${relay.url}/figma/`);
    await waitFor(() => relay.server.stats.connections > 0);
    await relay.link('figma', say('after'));
    expect(await (await call).text()).toBe('after');
  });

  it('and gets 503 with Retry-After when nobody comes back within 2 s, 404 after an hour', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    await relay.link('figma', say('before'), { port: proxy.port });
    proxy.cut();
    await waitFor(() => relay.server.stats.links === 0);
    const call = fetch(`${relay.url}/figma/`);
    await waitFor(() => relay.server.stats.connections > 0);
    await clock.advance(1_900);
    expect(await Promise.race([call, Promise.resolve('waiting')])).toBe('waiting');
    await clock.advance(200);
    const response = await call;
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    expect(response.headers.get('x-tunneld-relay')).toBe('tunnel-offline');
    expect((await fetch(`${relay.url}/figma/`)).status).toBe(503);
    await clock.advance(60_000);
    const later = await fetch(`${relay.url}/figma/`);
    expect([later.status, later.headers.get('retry-after')]).toEqual([503, '30']);
    await clock.advance(3_600_000);
    expect((await fetch(`${relay.url}/figma/`)).status).toBe(404);
  });

  it('a session that is closed and opened anew costs no call, and is never a 404', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const first = await relay.link('figma', say('first'));
    await first.close();
    await waitFor(() => relay.server.stats.links === 0);
    const call = fetch(`${relay.url}/figma/`);
    await waitFor(() => relay.server.stats.connections > 0);
    const second = await relay.link('figma', say('second'));
    expect(await (await call).text()).toBe('second');
    await second.close();
    await waitFor(() => relay.server.stats.links === 0);
    await clock.advance(2_000);
    const gone = await fetch(`${relay.url}/figma/`);
    expect([gone.status, gone.headers.get('x-tunneld-relay')]).toEqual([503, 'tunnel-offline']);
  });

  it('the next link of an agent takes over before the last one is gone, and no call fails', async () => {
    const relay = await startRelay();
    const old = await relay.link('figma', say('old'));
    const next = await relay.link('figma', say('next'));
    expect(await old.closed).toMatchObject({ reason: 'ended', error: { code: 'RELAY_NAME_HELD' } });
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('next');
    await old.close();
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('next');
    await next.close();
  });

  it('one that the operator ended for good is unknown from then on', async () => {
    const relay = await startRelay();
    const link = await relay.link('figma', say('x'));
    relay.server.disconnect('figma', { reason: 'enough', forGood: true });
    await link.closed;
    expect((await fetch(`${relay.url}/figma/`)).status).toBe(404);
  });
});

it('a certificate is for the name of a tunnel that is served, however a visitor writes it', async () => {
  const { server, link } = await startRelay({ byHost: true });
  await link('figma', echo);
  const hosts = ['relay.test', 'figma.relay.test', 'other.relay.test', 'figma.relay.test.', 'relay.test:1'];
  expect(hosts.map((host) => server.serves(host))).toEqual([true, true, false, false, false]);
  // Each port would be another name to order a certificate for.
  expect(server.serves('figma.relay.test:1')).toBe(false);
});
