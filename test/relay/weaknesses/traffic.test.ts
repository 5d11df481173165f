import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Exchange, Flow } from '../../../src/core/exchange.ts';
import { FaultProxy } from '../../helpers/fault-proxy.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { connectTo } from '../../http1/raw-client.ts';
import { startTestRelay } from '../../relayd/harness.ts';
import { head, openGateway, openTunnel, type RelayOptions, say, startRelay } from '../relay-harness.ts';

/**
 * What relays of this kind are known to get wrong. These are about requests; what happens to links is in links.test.ts.
 */
describe('a request through relay, agent and gateway', () => {
  it('gets each byte when it is written, and has all the time it needs', async () => {
    let emit: (text: string) => void = () => {};
    const { ask } = await openWay((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      emit = (text) => void response.write(text);
    });
    const visitor = ask('GET /mcp');
    await visitor.until('text/event-stream');
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      emit(event);
      await visitor.until(event);
    }
    expect(visitor.ended).toBe(false);
  });

  it('is answered 502 when the server breaks off, not with an empty 200', async () => {
    const { ask } = await openWay((_request, response) => response.socket?.destroy());
    expect(await ask('GET /mcp').until('}')).toMatch(/^HTTP\/1\.1 502 /);
  });

  it.each(['chunked', 'length'])(
    'that breaks off in its middle does not look whole (%s)',
    async (framing) => {
      const { ask } = await openWay((_request, response) => {
        if (framing === 'length') response.setHeader('content-length', 100);
        response.write('the first half', () => response.socket?.resetAndDestroy());
      });
      const visitor = ask('GET /mcp');
      const text = await visitor.untilEnd();
      expect(text).toContain('the first half');
      expect(text).not.toContain('\r\n0\r\n');
    },
  );

  it('ends visibly and at once when the link is lost, begun or not', async () => {
    const relay = await startRelay();
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    const closes: string[] = [];
    await relay.link(
      'figma',
      (exchange) => {
        exchange.onClose = (reason) => closes.push(reason);
        if (exchange.request.target === '/begun') exchange.respond(head(200), Buffer.from('the first half'));
      },
      { port: proxy.port },
    );
    const [begun, waiting] = ['begun', 'waiting'].map((path) => {
      const visitor = connectTo(relay.port);
      visitor.send(`GET /figma/${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      return visitor;
    });
    await begun?.until('the first half');
    await waitFor(() => relay.server.stats.streams === 2);
    const before = performance.now();
    proxy.cut('fin');
    expect(await begun?.untilEnd()).not.toContain('\r\n0\r\n');
    expect(await waiting?.until('}')).toMatch(/^HTTP\/1\.1 502 /);
    await waitFor(() => closes.length === 2);
    expect(performance.now() - before).toBeLessThan(1_000);
  });

  it('is not held up by somebody who does not read', async () => {
    let written = 0;
    const { relay, visitor } = await openTunnel((exchange) => {
      if (exchange.request.target !== '/endless') {
        say('quick')(exchange);
        return;
      }
      exchange.respond(head(200));
      const go = () => {
        while (exchange.write(Buffer.alloc(65_536)) !== Flow.paused) written += 65_536;
      };
      exchange.onDrain = go;
      go();
    });
    visitor.socket.pause();
    visitor.send('GET /endless HTTP/1.1\r\nHost: figma.relay.test\r\n\r\n');
    await waitFor(() => written > 0);
    for (let call = 0; call < 20; call++) {
      const other = connectTo(relay.port);
      other.send('GET / HTTP/1.1\r\nHost: figma.relay.test\r\nConnection: close\r\n\r\n');
      expect(await other.untilEnd()).toContain('quick');
    }
  });

  it('of a caller who went away ends at the server at once, although no byte flows', async () => {
    let gone = false;
    const { ask } = await openWay((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      response.on('close', () => {
        gone = true;
      });
    });
    const visitor = ask('GET /mcp');
    await visitor.until('text/event-stream');
    const before = performance.now();
    await visitor.close();
    await waitFor(() => gone);
    expect(performance.now() - before).toBeLessThan(1_000);
  });

  it('keeps repeated headers and bytes beyond ASCII, both ways', async () => {
    const { ask } = await openWay((request, response) => {
      const sent = [...(request.headersDistinct['x-twice'] ?? []), request.headers['x-latin']].join();
      response.setHeader('Set-Cookie', ['a=1', 'b=2']);
      response.setHeader('X-Latin', 'gr\xfc\xdfe');
      response.end(Buffer.from(sent, 'latin1'));
    });
    const text = await ask('GET /mcp', 'X-Twice: 1\r\nX-Twice: 2\r\nX-Latin: \xe4\xf6\r\n').until('1,2');
    expect(text).toMatch(/\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
    expect(text).toContain('\r\nX-Latin: gr\xfc\xdfe\r\n');
    expect(text).toContain('1,2,\xe4\xf6');
  });

  it('tells the server who the caller is, and nothing a caller made up', async () => {
    const { ask } = await openWay((request, response) => response.end(JSON.stringify(request.headers)));
    const made =
      'X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Host: evil\r\n';
    const text = await ask('GET /mcp', made).until('}');
    expect(text).not.toMatch(/6\.6\.6\.6|evil/);
    expect(text).toContain('"x-forwarded-for":"127.0.0.1"');
    expect(text).toContain('"x-forwarded-proto":"http"');
  });

  it('of a stranger, and of one who asks too often, ends at the relay', async () => {
    let reached = 0;
    const accept = (exchange: Exchange) => {
      reached++;
      say('in')(exchange);
    };
    const relay = await startRelay({ enforceAccess: true, limits: { requestsPerAddress: 1 } });
    await relay.link('figma', accept, { access: { tokens: [], query: false, preflight: false } });
    const statuses: number[] = [];
    for (let call = 0; call < 3; call++) statuses.push((await fetch(`${relay.url}/figma/`)).status);
    expect([statuses, reached]).toEqual([[401, 401, 429], 0]);
  });

  it('is counted, and logged without its query', async () => {
    const relay = await startTestRelay({ adminPort: 0 });
    await relay.link('figma');
    await relay.ask('figma.tunnel.test', '/mcp?key=hush');
    const read = async (path: string) => (await fetch(new URL(path, relay.adminUrl))).text();
    expect(await read('/healthz')).toContain('"alive":true');
    expect(await read('/metrics')).toContain('tunneld_relay_requests_total{code_class="2xx"} 1');
    expect(relay.logged().filter(({ kind }) => kind === 'request')).toMatchObject([{ path: '/mcp' }]);
    expect(JSON.stringify(relay.logged())).not.toContain('hush');
  });

  it('that is redirected elsewhere is for the caller to follow, and nobody here goes there', async () => {
    let visited = 0;
    const elsewhere = await listen((_request, response) => {
      visited++;
      response.end();
    });
    const { ask } = await openWay((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${elsewhere}/authorize` }).end();
    });
    const text = await ask('GET /authorize').until('\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 302 /);
    expect(text.toLowerCase()).toContain(`\r\nlocation: http://127.0.0.1:${elsewhere}/authorize\r\n`);
    expect(visited).toBe(0);
  });
});

/** A real server behind a gateway, a link and a relay. */
async function openWay(listener: RequestListener, options: RelayOptions = {}) {
  const gateway = openGateway(await listen(listener));
  const { relay } = await openTunnel((exchange) => gateway.accept(exchange), options);
  gateway.setPublicUrl(new URL('http://figma.relay.test'));
  return {
    ask(requestLine: string, headers = '') {
      const visitor = connectTo(relay.port);
      visitor.send(`${requestLine} HTTP/1.1\r\nHost: figma.relay.test\r\n${headers}\r\n`);
      return visitor;
    },
  };
}

async function listen(listener: RequestListener): Promise<number> {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
