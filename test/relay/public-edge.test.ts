import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Flow } from '../../src/core/exchange.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { answers, connectTo } from '../http1/raw-client.ts';
import { collect, head, openGateway, openTunnel, say, startRelay } from './relay-harness.ts';

const HOST = 'Host: figma.relay.test\r\n';
const JSON_POST = `POST /mcp HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n`;

describe('time at the public edge', () => {
  it('is short for a head that drips, and the answer can be read', async () => {
    const { relay, visitor } = await openTunnel(say('never'), { limits: { headTimeoutMs: 150 } });
    const drip = setInterval(() => visitor.socket.write('X'), 20);
    visitor.send(`GET / HTTP/1.1\r\n${HOST}X-Long: `);
    const text = await visitor.untilEnd();
    clearInterval(drip);
    expect(text).toMatch(/^HTTP\/1\.1 408 .*x-tunneld-relay: slow-head\r\n.*"reason":"slow-head"/s);
    await waitFor(() => relay.server.stats.connections === 0);
  });

  it('is short for a body that stalls, and the agent hears of its end', async () => {
    const ends: string[] = [];
    const { relay, visitor } = await openTunnel(
      (exchange) => {
        exchange.readBody({ data: () => Flow.consumed, end() {}, abort: (reason) => ends.push(reason) });
      },
      { limits: { bodyStallMs: 150 } },
    );
    visitor.send(`${JSON_POST}Content-Length: 100\r\n\r\nhalf`);
    expect(await visitor.untilEnd()).toMatch(/^HTTP\/1\.1 408 .*x-tunneld-relay: slow-body\r\n/s);
    await waitFor(() => ends.length === 1);
    expect(relay.server.stats.streams).toBe(0);
  });

  it('is unlimited for a body that goes on, however slowly', async () => {
    const { visitor } = await openTunnel(
      (exchange) => collect(exchange, (body) => say(`got ${body.length}`)(exchange)),
      { limits: { bodyStallMs: 400 } },
    );
    visitor.send(`${JSON_POST}Content-Length: 12\r\n\r\n`);
    const startedAt = performance.now();
    for (let sent = 0; sent < 12; sent++) {
      await new Promise((resolve) => setTimeout(resolve, 75));
      visitor.send('x');
    }
    await visitor.until('got 12');
    expect(performance.now() - startedAt).toBeGreaterThan(800);
  });

  it('runs for a reader that stops, and not for one that is slow', async () => {
    const closes: string[] = [];
    const event = Buffer.from(`data: ${'x'.repeat(8_000)}\n\n`);
    const { visitor } = await openTunnel(
      (exchange) => {
        exchange.onClose = (reason) => closes.push(reason);
        const go = () => {
          while (closes.length === 0 && exchange.write(event) !== Flow.paused);
        };
        exchange.onDrain = go;
        exchange.respond(head(200, undefined, []));
        go();
      },
      { limits: { writeStallMs: 1_000 } },
    );
    let taken = 0;
    visitor.socket.removeAllListeners('data').on('data', (bytes: Buffer) => {
      taken += bytes.length;
    });
    visitor.send(`GET /sse HTTP/1.1\r\n${HOST}\r\n`);
    const startedAt = performance.now();
    while (performance.now() - startedAt < 2_500) {
      const before = taken;
      visitor.socket.resume();
      await waitFor(() => taken - before > 1_500_000 || visitor.closed);
      visitor.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(closes).toEqual([]);
    visitor.socket.pause();
    await waitFor(() => closes.length === 1, { timeoutMs: 10_000 });
    expect(closes).toEqual(['caller-gone']);
  });
});

describe('HTTP at the public edge', () => {
  it('grants 100 Continue once, before the body, and passes 103 on before the answer', async () => {
    const { visitor } = await openTunnel((exchange) => {
      exchange.respond(head(103, undefined, ['Link', '</a.css>']));
      collect(exchange, (body) => say(`got ${body}`)(exchange));
    });
    visitor.send(`${JSON_POST}Content-Length: 4\r\nExpect: 100-continue\r\n\r\n`);
    await visitor.until('103 ');
    visitor.send('body');
    const text = await visitor.until('got body');
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 103', 'HTTP/1.1 200']);
    expect(text).toContain('Link: </a.css>\r\n');
  });

  it('grants nothing else', async () => {
    const { visitor } = await openTunnel(say('never'));
    visitor.send(`${JSON_POST}Content-Length: 4\r\nExpect: a-miracle\r\n\r\n`);
    expect(await visitor.untilEnd()).toMatch(/^HTTP\/1\.1 417 /);
  });

  it('reads trailers, and passes none on', async () => {
    const { visitor } = await openTunnel((exchange) =>
      collect(exchange, (body) => say(`${exchange.request.lines.join()} ${body}`)(exchange)),
    );
    visitor.send(
      `${JSON_POST}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n`,
    );
    const text = await visitor.until(' hi');
    expect(text).not.toMatch(/x-sum/i);
    visitor.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await waitFor(() => answers(visitor.received) === 2);
  });

  it('has no body in answers to HEAD, and in 204 and 304, with more requests behind them', async () => {
    const { visitor } = await openTunnel((exchange) => {
      const { target } = exchange.request;
      if (target === '/204' || target === '/304')
        exchange.respond(head(Number(target.slice(1))), undefined, true);
      else if (exchange.request.method === 'HEAD') exchange.respond(head(200, 1_234), undefined, true);
      else say('the end')(exchange);
    });
    const line = (request: string) => `${request} HTTP/1.1\r\n${HOST}\r\n`;
    visitor.send(line('HEAD /') + line('GET /204') + line('GET /304') + line('HEAD /') + line('GET /'));
    const text = await visitor.until('the end');
    const bodies = text.split(/HTTP\/1\.1 (?=\d)/).map((part) => part.split('\r\n\r\n')[1]);
    expect(bodies.slice(1)).toEqual(['', '', '', '', 'the end']);
    expect(text.match(/Content-Length: 1234/g)).toHaveLength(2);
  });

  it('takes an absolute target whose host is the Host, and no other', async () => {
    const { visitor } = await openTunnel((exchange) => say(`${exchange.request.target}!`)(exchange));
    visitor.send(`GET http://figma.relay.test/mcp?x HTTP/1.1\r\n${HOST}\r\n`);
    await visitor.until('/mcp?x!');
    visitor.send(`GET http://other.relay.test/mcp HTTP/1.1\r\n${HOST}\r\n`);
    expect(await visitor.untilEnd()).toMatch(/HTTP\/1\.1 400 .*target-and-host-differ/s);
  });

  it('answers pipelined requests in order, each by the tunnel its Host names', async () => {
    const { relay, visitor } = await openTunnel((exchange) => setImmediate(say('(figma)'), exchange));
    await relay.link('penpot', say('(penpot)'));
    const to = (name: string) => `GET / HTTP/1.1\r\nHost: ${name}.relay.test\r\n\r\n`;
    visitor.send(to('figma') + to('penpot') + to('nobody') + to('figma'));
    await waitFor(() => answers(visitor.received) === 3);
    expect(visitor.received.match(/\(\w+\)|unknown-tunnel(?=\r)/g)).toEqual([
      '(figma)',
      '(penpot)',
      'unknown-tunnel',
      '(figma)',
    ]);
  });

  it('speaks to HTTP/1.0: no chunks, and a connection that ends unless it was asked to stay', async () => {
    const { relay, visitor } = await openTunnel((exchange) => {
      exchange.respond(head(103));
      exchange.respond(head(200), Buffer.from('in '));
      exchange.write(Buffer.from('parts'));
      exchange.end();
    });
    visitor.send(`GET / HTTP/1.0\r\n${HOST}\r\n`);
    expect(await visitor.untilEnd()).toMatch(/^HTTP\/1\.1 200 (?!.*chunked).*\r\n\r\nin parts$/s);
    await relay.link('short', say('short'));
    const staying = connectTo(relay.port);
    const again = 'GET / HTTP/1.0\r\nHost: short.relay.test\r\nConnection: keep-alive\r\n\r\n';
    staying.send(again + again);
    await waitFor(() => answers(staying.received) === 2);
    expect(staying.ended).toBe(false);
  });

  it('answers before the upload ends, and the answer survives the rest of it', async () => {
    const { visitor } = await openTunnel(say('no need'));
    visitor.send(`${JSON_POST}Content-Length: 5000000\r\n\r\n${'x'.repeat(700_000)}`);
    expect(await visitor.untilEnd()).toMatch(/\r\nConnection: close\r\n.*no need$/s);
    expect(visitor.reset).toBe(false);
  });

  it.each(['host', 'path'])(
    'switches to WebSocket, routed by %s, through gateway and relay',
    async (routing) => {
      const upstream = http.createServer().listen(0, '127.0.0.1');
      const sockets = new WebSocketServer({ server: upstream, path: '/ws' });
      sockets.on('connection', (socket, request) => {
        socket.on('message', (data, binary) => socket.send(data, { binary }));
        socket.send(`at ${request.url}`);
      });
      await waitFor(() => upstream.listening);
      const gateway = openGateway((upstream.address() as AddressInfo).port);
      onTestFinished(async () => {
        sockets.close();
        upstream.closeAllConnections();
        upstream.close();
      });
      const relay = await startRelay({ byHost: routing === 'host' });
      const link = await relay.link('figma', (exchange) => gateway.accept(exchange));
      gateway.setPublicUrl(link.publicUrl);

      const headers = routing === 'host' ? { Host: 'figma.relay.test' } : {};
      const client = new WebSocket(
        `ws://127.0.0.1:${relay.port}${routing === 'host' ? '' : '/figma'}/ws?x=1`,
        { headers },
      );
      const got: Buffer[] = [];
      client.on('message', (data: Buffer) => got.push(data));
      await waitFor(() => client.readyState === WebSocket.OPEN);
      client.send(Buffer.alloc(300_000, 'w'));
      await waitFor(() => got.length === 2);
      expect([String(got[0]), got[1]?.length]).toEqual(['at /ws?x=1', 300_000]);
      client.close();
      await waitFor(() => client.readyState === WebSocket.CLOSED && relay.server.stats.streams === 0);
    },
  );
});
