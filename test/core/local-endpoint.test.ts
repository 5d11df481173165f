import { once } from 'node:events';
import { request } from 'node:http';
import net from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import {
  createLocalEndpoint,
  listenOnLoopback,
  type RenderedMetrics,
} from '../../src/core/local-endpoint.ts';
import { waitFor } from '../helpers/wait-for.ts';

const METRICS: RenderedMetrics = { contentType: 'text/plain', render: async () => 'fine 1\n' };

async function start(metrics: () => Promise<RenderedMetrics> = async () => METRICS) {
  const app = await createLocalEndpoint({ metrics, health: () => ({ more: 1 }) });
  onTestFinished(() => app.close());
  app.get('/held', () => new Promise(() => {}));
  const url = await listenOnLoopback(app, 0);
  const port = Number(url.port);
  const connections = () =>
    new Promise<number>((resolve) => app.server.getConnections((_error, count) => resolve(count)));
  return { url, port, connections };
}

function connect(port: number): net.Socket {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

function statusOf(port: number, path: string, host = 'localhost'): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, agent: false, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

it('says that it is alive, under loopback names alone', async () => {
  const { url, port } = await start();
  const health = (await (await fetch(new URL('/healthz', url))).json()) as object;
  expect(health).toMatchObject({ alive: true, pid: process.pid, more: 1 });
  const hosts = ['127.0.0.1', 'localhost:1', '[::1]:80', '127.0.0.1.nip.io', 'evil.example', '10.0.0.1'];
  const statuses = await Promise.all(hosts.map((host) => statusOf(port, '/healthz', host)));
  expect(statuses).toEqual([200, 200, 200, 403, 403, 403]);
});

it('holds no more than 32 connections of those that say nothing, and answers all the same', async () => {
  const { port, connections } = await start();
  const silent = Array.from({ length: 300 }, () => connect(port));
  await waitFor(() => silent.filter(({ destroyed }) => destroyed).length >= 268);
  expect(await connections()).toBeLessThanOrEqual(32);
  expect(await statusOf(port, '/healthz')).toBe(200);
  // The latest ones are left, but for the one that made room.
  expect(silent.slice(0, 200).every(({ destroyed }) => destroyed)).toBe(true);
});

it('does not end a request that is being answered for a connection that says nothing', async () => {
  const { port } = await start();
  const held = connect(port);
  held.write('GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n');
  let over = false;
  held.once('close', () => {
    over = true;
  });
  // Its turn comes before that of those which follow.
  expect(await statusOf(port, '/healthz')).toBe(200);
  const silent = Array.from({ length: 60 }, () => connect(port));
  await waitFor(() => silent.filter(({ destroyed }) => destroyed).length >= 29);
  expect(over).toBe(false);
});

it('ends a connection whose request does not come, within seconds', async () => {
  const { port } = await start();
  const [silent, dripping] = [connect(port), connect(port)];
  dripping.write('GET /healthz HTTP/1.1\r\nHost: loc');
  for (const socket of [silent, dripping]) socket.resume();
  await Promise.all([silent, dripping].map((socket) => socket.closed || once(socket, 'close')));
  expect(await statusOf(port, '/healthz')).toBe(200);
}, 30_000);

it('makes its metrics before anybody asks, and again where that failed', async () => {
  let attempts = 0;
  const { port } = await start(async () => {
    attempts += 1;
    if (attempts === 1) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    return METRICS;
  });
  // While there are descriptors: Node remembers for good that a module could not be opened.
  expect(attempts).toBe(1);
  expect([await statusOf(port, '/metrics'), attempts]).toEqual([200, 2]);
  await statusOf(port, '/metrics');
  expect(attempts).toBe(2);
});
