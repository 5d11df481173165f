import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Flow } from '../../src/core/exchange.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { serializeRequestHead } from '../../src/http1/rewrite.ts';
import type { UpstreamFailure } from '../../src/http1/upstream-exchange.ts';
import { UpstreamPool } from '../../src/http1/upstream-pool.ts';
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
function ask(): Promise<number | UpstreamFailure> {
  return new Promise((resolve) => {
    let status = 0;
    const exchange = pool.request(REQUEST, serializeRequestHead(REQUEST), {
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

it('uses one connection for one request after the other', async () => {
  for (let i = 0; i < 5; i++) expect(await ask()).toBe(200);

  expect([connections.length, requests]).toEqual([1, 5]);
});

it('opens as many as there are requests at once, and keeps them for the next ones', async () => {
  const many = () => Promise.all(Array.from({ length: 8 }, ask));

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

it('uses a connection no more whose server said it would close it', async () => {
  answer = (socket) => void socket.write(OK.replace('\r\n', '\r\nConnection: close\r\n'));
  await ask();
  await ask();

  expect(connections.length).toBe(2);
});

it('says that nobody listens, so that the caller knows nothing was sent', async () => {
  server.close();
  await once(server, 'close');

  expect(await ask()).toEqual({ kind: 'connect', reason: 'ECONNREFUSED' });

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
