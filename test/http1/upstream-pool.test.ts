import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Flow } from '../../src/core/exchange.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { serializeRequestHead } from '../../src/http1/rewrite.ts';
import type { UpstreamFailure } from '../../src/http1/upstream-exchange.ts';
import { UpstreamPool } from '../../src/http1/upstream-pool.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { waitFor } from '../helpers/wait-for.ts';

const REQUEST = parseRequestHead('GET / HTTP/1.1\r\nHost: x');
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let server: net.Server;
let clock: FakeClock;
let pool: UpstreamPool;
/** Every connection the server ever got, in order, and how many requests came in all. */
let connections: Socket[];
let requests: number;
/** What the server does with each request. */
let answer: (socket: Socket) => void;

beforeEach(async () => {
  connections = [];
  requests = 0;
  answer = (socket) => void socket.write(OK);
  server = net.createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => {
      requests++;
      answer(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  clock = new FakeClock();
  const { port } = server.address() as AddressInfo;
  pool = new UpstreamPool({ protocol: 'http:', host: '127.0.0.1', port, clock });
});

afterEach(async () => {
  pool.close();
  await waitFor(() => pool.connections === 0, { what: 'the pool to be empty' });
  expect(clock.pending).toBe(0);
  server.close();
  await once(server, 'close');
});

/** One request. @returns the status of its answer, or how it failed */
function ask(method = 'GET'): Promise<number | UpstreamFailure> {
  const request = parseRequestHead(`${method} / HTTP/1.1\r\nHost: x`);
  return new Promise((resolve) => {
    let status = 0;
    const exchange = pool.request(request, serializeRequestHead(request), {
      interim: () => {},
      response(head, _first, last) {
        status = head.status;
        if (last) resolve(status);
        return Flow.consumed;
      },
      responseData: () => Flow.consumed,
      responseEnd: () => resolve(status),
      failed: resolve,
      drain: () => {},
    });
    exchange.end();
  });
}

/** One request by a caller that takes each piece of the answer a turn later. @returns its status */
function askSlowly(of = pool, parts: Buffer[] = []): Promise<number | UpstreamFailure> {
  return new Promise((resolve) => {
    let status = 0;
    const wait = (part: Buffer | undefined) => {
      if (part !== undefined) parts.push(part);
      setImmediate(() => exchange.resume());
      return Flow.paused;
    };
    const exchange = of.request(REQUEST, serializeRequestHead(REQUEST), {
      interim: () => {},
      response(head, first, last) {
        status = head.status;
        if (last) resolve(status);
        return wait(first);
      },
      responseData: wait,
      responseEnd: () => resolve(status),
      failed: resolve,
      drain: () => {},
    });
    exchange.end();
  });
}

it('uses one connection for one request after the other', async () => {
  for (let i = 0; i < 5; i++) expect(await ask()).toBe(200);

  expect([connections.length, requests]).toEqual([1, 5]);
});

it('opens as many as there are requests at once, and keeps them for the next ones', async () => {
  const many = () => Promise.all(Array.from({ length: 8 }, () => ask()));

  expect(new Set([...(await many()), ...(await many())])).toEqual(new Set([200]));

  expect(connections.length).toBe(8);
});

it('takes the connection that was used last', async () => {
  await Promise.all([ask(), ask()]);
  const ports: (number | undefined)[] = [];
  answer = (socket) => {
    ports.push(socket.remotePort);
    socket.write(OK);
  };
  for (let i = 0; i < 4; i++) await ask();

  expect(new Set(ports).size).toBe(1);
});

it('uses no connection that was idle for 4 s, and closes it', async () => {
  await ask();
  await clock.advance(3_900);
  await ask();
  expect(connections.length).toBe(1);

  await clock.advance(5_000);
  await waitFor(() => pool.connections === 0, { what: 'the idle connection to be closed' });

  expect(await ask()).toBe(200);
  expect(connections.length).toBe(2);
});

it('does not wait for its cleaner to see that a connection is too old', async () => {
  await ask();
  await clock.advance(100);
  await ask();
  // Between two rounds of the cleaner, which is due each second.
  await clock.advance(4_000 - 50);
  await clock.advance(50);

  expect(await ask()).toBe(200);
  expect(connections.length).toBe(2);
});

it('believes a server that announces a shorter life, with a second to spare', async () => {
  answer = (socket) => void socket.write(OK.replace('\r\n', '\r\nKeep-Alive: timeout=2\r\n'));
  await ask();
  await clock.advance(900);
  await ask();
  expect(connections.length).toBe(1);

  await clock.advance(1_000);
  await ask();

  expect(connections.length).toBe(2);
});

it('forgets a connection that the server closed while it was idle', async () => {
  for (let round = 1; round <= 3; round++) {
    expect(await ask()).toBe(200);
    connections.at(-1)?.end();
    await waitFor(() => pool.connections === 0, { what: 'the pool to notice' });
    expect(connections.length).toBe(round);
  }
});

it('takes nothing that an idle connection says for the answer to a later request', async () => {
  await ask();
  connections[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
  await waitFor(() => pool.connections === 0, { what: 'the connection to be dropped' });

  expect(await ask()).toBe(200);
  expect(connections.length).toBe(2);
});

it.each(['at once', 'within the head'])(
  'sends no request twice when a used connection ends %s',
  async (when) => {
    await ask();
    answer = (socket) => {
      if (when === 'at once') socket.destroy();
      else socket.end('HTTP/1.1 200 OK\r\nCont');
    };

    expect(await ask()).toMatchObject({ kind: 'closed' });

    expect(requests).toBe(2);
    answer = (socket) => void socket.write(OK);
    expect(await ask()).toBe(200);
    expect(requests).toBe(3);
  },
);

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const BIG = 'x'.repeat(300_000);

it.each([
  [
    'a chunked answer whose end came with the piece it waits on',
    `${CHUNKED}5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n`,
  ],
  ['a chunked answer of one piece', `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`],
  ['a large chunked answer', `${CHUNKED}${BIG.length.toString(16)}\r\n${BIG}\r\n0\r\n\r\n`],
  ['a large answer of known length', `HTTP/1.1 200 OK\r\nContent-Length: ${BIG.length}\r\n\r\n${BIG}`],
])('reads the next answer after a slow reader of %s', async (_what, slow) => {
  answer = (socket) => void socket.write(slow);
  expect(await askSlowly()).toBe(200);
  answer = (socket) => void socket.write(OK);

  for (let i = 0; i < 3; i++) expect(await ask()).toBe(200);

  expect([connections.length, requests]).toEqual([1, 4]);
});

it.each([
  ['chunked', `${CHUNKED}${'5\r\n12345\r\n4\r\n6789\r\n'.repeat(20_000)}0\r\n\r\n`],
  [
    'chunked, then closed',
    `HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${'9\r\n123456789\r\n'.repeat(20_000)}0\r\n\r\n`,
  ],
  ['of known length', `HTTP/1.1 200 OK\r\nContent-Length: 180000\r\n\r\n${'123456789'.repeat(20_000)}`],
  ['up to the end of the connection', `HTTP/1.1 200 OK\r\n\r\n${'123456789'.repeat(20_000)}`],
])('keeps an answer over TLS in order and whole while its caller waits: %s', async (_how, slow) => {
  const secure = tls.createServer(makeCertificate(), (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => (slow.startsWith(CHUNKED) ? socket.write(slow) : socket.end(slow)));
  });
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  const { port } = secure.address() as AddressInfo;
  const tlsPool = new UpstreamPool({ protocol: 'https:', host: '127.0.0.1', port, clock });
  const parts: Buffer[] = [];

  expect(await askSlowly(tlsPool, parts)).toBe(200);

  expect(Buffer.concat(parts).equals(Buffer.from('123456789'.repeat(20_000)))).toBe(true);
  tlsPool.close();
  await waitFor(() => tlsPool.connections === 0, { what: 'the pool to be empty' });
  secure.close();
  await once(secure, 'close');
});

it('uses a connection no more whose server said it would close it', async () => {
  answer = (socket) => void socket.write(OK.replace('\r\n', '\r\nConnection: close\r\n'));
  await ask();
  await ask();

  expect(connections.length).toBe(2);
});

it.each([
  ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'],
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n'],
  ['GET', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 8\r\n\r\n'],
  ['GET', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n'],
])('takes no connection on which a body may follow that has no place: %s, %j', async (method, head) => {
  answer = (socket) => void socket.write(head);
  expect(await ask(method)).toBe(Number(head.slice(9, 12)));
  // Before the bytes of the body, which a server may send whenever it likes.
  answer = (socket) => void socket.write(OK);

  expect(await ask()).toBe(200);

  expect(connections.length).toBe(2);
});

it.each([
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\n',
])('goes on with a connection after %j', async (head) => {
  answer = (socket) => void socket.write(head);
  await ask();
  answer = (socket) => void socket.write(OK);

  expect([await ask(), connections.length]).toEqual([200, 1]);
});

it('says that nobody listens, so that the caller knows nothing was sent', async () => {
  server.close();
  await once(server, 'close');

  expect(await ask()).toEqual({ kind: 'connect', reason: 'ECONNREFUSED' });

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
