import dns from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { Server } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeCertificate } from '../helpers/certificate.ts';
import { untilStill } from '../helpers/wait-for.ts';
import { BEARER, Bench, bodyOf, type GatewayOverrides, portOf, startHttp, stop, TOKEN } from './setup.ts';

const benches: Bench[] = [];
const servers: Server[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const bench of benches.splice(0)) await bench.end();
  for (const server of servers.splice(0)) await stop(server);
});

async function inFrontOf(
  server: Server,
  upstream: { protocol?: 'http:' | 'https:'; host?: string; otherHost?: string } = {},
  overrides: GatewayOverrides = {},
): Promise<Bench> {
  servers.push(server);
  const port = portOf(server);
  const address = { protocol: 'http:' as const, host: '127.0.0.1', port, hostHeader: `localhost:${port}` };
  const bench = await new Bench(port, { upstream: { ...address, ...upstream }, ...overrides }).listen();
  benches.push(bench);
  return bench;
}

async function listening<T extends Server>(server: T, host: string): Promise<T> {
  server.listen(0, host);
  await once(server, 'listening');
  return server;
}

describe('a server', () => {
  it.each(['localhost', '127.0.0.1'])('may speak TLS with a certificate of its own at %s', async (host) => {
    const server = https.createServer(makeCertificate(), (request, response) => request.pipe(response));
    const bench = await inFrontOf(await listening(server, '127.0.0.1'), { protocol: 'https:', host });

    const answer = await bench.ask('POST /', `${BEARER}Content-Length: 5\r\n`, 'hello');

    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('hello');
  });

  it('that does not speak TLS where it should is a 502', async () => {
    const bench = await inFrontOf(await startHttp(() => {}), { protocol: 'https:' });

    expect(await bench.ask('GET /')).toMatch(/^HTTP\/1\.1 502 /);
  });

  it('is looked for at its other host where nobody listens at the first, and only there', async () => {
    const six = http.createServer((_request, response) => response.end('on six'));
    await listening(six, '::1');
    const bench = await inFrontOf(six, { otherHost: '::1' });
    expect(await bench.ask('GET /', BEARER)).toContain('on six');

    const four = http.createServer((_request, response) => response.end('on four'));
    four.listen(portOf(six), '127.0.0.1');
    await once(four, 'listening');
    servers.push(four);
    const again = await new Bench(portOf(six), {
      upstream: {
        protocol: 'http:',
        host: '127.0.0.1',
        otherHost: '::1',
        port: portOf(six),
        hostHeader: 'localhost',
      },
    }).listen();
    benches.push(again);
    expect(await again.ask('GET /', BEARER)).toContain('on four');
  });

  it('that listens at neither host is a 502 that says so', async () => {
    const gone = http.createServer();
    await listening(gone, '127.0.0.1');
    const bench = await inFrontOf(gone, { otherHost: '::1' });
    await stop(gone);
    const answer = await bench.ask('GET /', BEARER);
    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer).toContain('server-down');
  });

  it('at localhost is found on ::1, when that is where it listens', async () => {
    const server = http.createServer((_request, response) => response.end('on six'));
    await listening(server, '::1');
    const bench = await inFrontOf(server, { host: 'localhost' });
    // As on most machines, whatever this one's hosts file says.
    vi.spyOn(dns, 'lookup').mockImplementation(((_name: string, _options: object, done: LookupDone) =>
      done(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ])) as never);

    expect(await bench.ask('GET /')).toContain('on six');
  });
});

type LookupDone = (error: null, addresses: { address: string; family: number }[]) => void;

describe('the endpoint of a legacy server', () => {
  async function endpointSeenBy(from: 'provider' | 'local', publicUrl: string, path: string) {
    let endpoint = '/messages?id=1';
    const server = await startHttp((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.end(`event: endpoint\ndata: ${endpoint}\n\n`);
    });
    endpoint = `http://127.0.0.1:${portOf(server)}/messages?id=1`;
    const bench = await inFrontOf(server);
    bench.gateway.setPublicUrl(new URL(publicUrl));
    bench.gateway.setForwardedTrust(true);
    const forwarded = from === 'provider' ? 'X-Forwarded-For: 203.0.113.7\r\n' : '';
    const answer = await bench.ask(`GET ${path}`, `${forwarded}${path.startsWith('/t/') ? '' : BEARER}`);
    return /data: (.*)/.exec(bodyOf(answer))?.[1];
  }

  it.each([
    ['provider', 'https://relay.example/figma/', '/sse', '/figma/messages?id=1'],
    ['provider', 'https://relay.example/figma', `/t/${TOKEN}/sse`, `/figma/t/${TOKEN}/messages?id=1`],
    ['provider', 'https://figma.example/', '/sse', '/messages?id=1'],
    ['local', 'https://relay.example/figma', '/sse', '/messages?id=1'],
  ] as const)('leads back through the tunnel: %s, %s, %s', async (from, publicUrl, path, expected) => {
    expect(await endpointSeenBy(from, publicUrl, path)).toBe(expected);
  });
});

describe('a slow reader', () => {
  it('holds its server back, not the memory of the gateway', async () => {
    const chunk = Buffer.alloc(65_536, 'x');
    let taken = 0;
    const server = await startHttp((request, response) => {
      const more = () => {
        while (!response.destroyed && taken < OFFERED) {
          taken += chunk.length;
          if (!response.write(chunk)) return;
        }
      };
      response.on('drain', more);
      request.on('close', () => response.destroy());
      more();
    });
    const bench = await inFrontOf(server);
    const slow = bench.connect();
    slow.socket.pause();
    slow.send(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${bench.port}\r\n${BEARER}\r\n`);

    await untilStill(() => taken, { what: 'the server to be held back' });

    // Mostly what the kernel holds between the four sockets.
    expect(taken).toBeLessThan(OFFERED / 4);
    expect(bench.gateway.active).toBe(1);
  });
});

const OFFERED = 256 * 1024 * 1024;
