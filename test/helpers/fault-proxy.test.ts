import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FaultProxy } from './fault-proxy.ts';
import { waitFor } from './wait-for.ts';

let echo: net.Server;
let proxy: FaultProxy;
let caller: net.Socket;
let received: Buffer;

beforeEach(async () => {
  echo = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await FaultProxy.listen({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
  caller = net.connect(proxy.port, '127.0.0.1');
  received = Buffer.alloc(0);
  caller.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
  });
  await once(caller, 'connect');
});

afterEach(async () => {
  caller.destroy();
  await proxy.close();
  echo.close();
});

test('bytes pass in order, whole, in small pieces and with a delay each way', async () => {
  proxy.faults.delayMs = 20;
  proxy.faults.maxPiece = 7;
  const sent = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251));
  const started = performance.now();
  caller.write(sent);
  await waitFor(() => received.length === sent.length);
  expect(performance.now() - started).toBeGreaterThanOrEqual(39);
  expect(received.equals(sent)).toBe(true);
});

test('a stall keeps the connection and the bytes until it is healed', async () => {
  proxy.faults.stalled = true;
  caller.write('kept');
  await waitFor(() => proxy.connections === 1);
  expect(received.length).toBe(0);
  expect(caller.destroyed).toBe(false);
  proxy.heal();
  await waitFor(() => received.toString() === 'kept');
  expect(received.toString()).toBe('kept');
});

test('a cut resets what lives, and new connections work', async () => {
  await waitFor(() => proxy.connections === 1);
  const failure = once(caller, 'error');
  proxy.cut();
  const [error] = (await failure) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
  const next = net.connect(proxy.port, '127.0.0.1');
  next.write('again');
  const [chunk] = (await once(next, 'data')) as [Buffer];
  expect(chunk.toString()).toBe('again');
  next.destroy();
});

test('bandwidth is what was asked for', async () => {
  proxy.faults.bytesPerSecond = 1_000_000;
  const started = performance.now();
  caller.write(Buffer.alloc(100_000));
  await waitFor(() => received.length === 100_000);
  // A tenth of a second each way, overlapping.
  expect(performance.now() - started).toBeGreaterThanOrEqual(95);
});
