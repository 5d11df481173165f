import { once } from 'node:events';
import net from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { type Exchange, Flow } from '../../src/core/exchange.ts';
import { FrameDecoder, FrameType, writeFrameHeader } from '../../src/relay/link/frame.ts';
import { encodeHello, ownTerms } from '../../src/relay/link/hello.ts';
import { decodeGoaway } from '../../src/relay/link/link-error.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { say, startRelay } from './relay-harness.ts';

/** The floods' own address: everybody else is 127.0.0.1. */
const ELSEWHERE = '127.0.0.2';

it('a flood of agents that register nothing takes no place from those that do', async () => {
  const relay = await startRelay({ limits: { pendingLinks: 16, connectionsPerAddress: 100 } });
  await relay.link('figma', say('served'));
  const flood = Array.from({ length: 300 }, () => dialSilently(relay.port));
  await waitFor(() => flood.filter((socket) => socket.readyState === WebSocket.CLOSED).length >= 200);
  expect(relay.server.stats.pendingLinks).toBeLessThanOrEqual(16);
  expect(await get(relay.port, '/figma/')).toEqual([200, 'served']);
  for (let count = 0; count < 10; count++) await relay.link(`late-${count}`, say('late'));
  expect(await get(relay.port, '/late-9/')).toEqual([200, 'late']);
  for (const socket of flood) socket.terminate();
  await waitFor(() => relay.server.stats.pendingLinks === 0);
});

it('a flood of wrong tokens ends in refusals, and nothing stays of it', async () => {
  // Room and time for all of them: whoever has none is told something else.
  const relay = await startRelay({ limits: { pendingLinks: 200 }, clock: new FakeClock() });
  await relay.link('figma', say('served'));
  const answers = await Promise.all(Array.from({ length: 200 }, () => refusalOf(relay.port, 'wrong')));
  expect(new Set(answers)).toEqual(new Set(['unknown token']));
  await waitFor(() => relay.server.stats.pendingLinks === 0 && relay.server.stats.links === 1);
  expect(await get(relay.port, '/figma/')).toEqual([200, 'served']);
});

it('connections that drip their heads are limited, ended, and in nobody’s way', async () => {
  const relay = await startRelay({
    limits: { connectionsPerAddress: 50, headTimeoutMs: 1_500, lingerMs: 2_000 },
  });
  await relay.link('figma', say('served'));
  const flood = Array.from({ length: 200 }, () => connectRaw(relay.port));
  const drip = setInterval(() => {
    for (const { socket } of flood) if (socket.writable) socket.write('G');
  }, 50);
  const told = (status: number) =>
    flood.filter(({ text }) => text().startsWith(`HTTP/1.1 ${status} `)).length;
  await waitFor(() => told(429) >= 100);
  expect(await get(relay.port, '/figma/')).toEqual([200, 'served']);
  await waitFor(() => flood.every(({ socket }) => socket.destroyed));
  clearInterval(drip);
  // Whoever comes after the first were ended takes their places; nobody is left without a word.
  expect(told(408)).toBeGreaterThanOrEqual(50);
  expect(told(408) + told(429)).toBe(200);
  await waitFor(() => relay.server.stats.connections === 0);
});

it('bodies that nobody reads fill their windows and no more, and bodies over the limit end', async () => {
  const relay = await startRelay({ limits: { maxRequestBodyBytes: 2_000_000 } });
  const unread: Exchange[] = [];
  await relay.link('figma', (exchange) => {
    if (exchange.request.target === '/read') {
      exchange.readBody({ data: () => Flow.consumed, end: () => say('read')(exchange), abort: () => {} });
    } else if (exchange.request.target === '/unread') unread.push(exchange);
    else say('served')(exchange);
  });
  const before = process.memoryUsage().arrayBuffers;
  const flood = Array.from({ length: 60 }, (_, index) => {
    const visitor = connectRaw(relay.port);
    visitor.socket.write(
      `POST /figma/${index % 2 ? 'unread' : 'read'} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    const pour = () => {
      while (visitor.socket.writable && visitor.socket.write(CHUNK));
    };
    visitor.socket.on('drain', pour);
    pour();
    return visitor;
  });
  // Those that are read reach the limit; the others wait for credit that nobody gives.
  await waitFor(() => flood.filter(({ text }) => text().startsWith('HTTP/1.1 413 ')).length === 30, {
    timeoutMs: 30_000,
  });
  expect(relay.server.stats.streams).toBe(30);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60_000_000);
  expect(await get(relay.port, '/figma/')).toEqual([200, 'served']);
  for (const exchange of unread) exchange.abort('enough');
  for (const { socket } of flood) socket.destroy();
  await waitFor(() => relay.server.stats.streams === 0 && relay.server.stats.connections === 0);
});

const CHUNK = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);

function connectRaw(port: number): { socket: net.Socket; text: () => string } {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: ELSEWHERE });
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
  });
  return { socket, text: () => text };
}

/** An agent that shakes hands and never says HELLO. */
function dialSilently(port: number): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/_tunneld/link`, 'tunneld.1', {
    localAddress: ELSEWHERE,
  });
  socket.on('error', () => {});
  onTestFinished(() => socket.terminate());
  return socket;
}

/** Dials with a token, and waits for the relay's word as long as this machine needs. */
async function refusalOf(port: number, token: string): Promise<string> {
  const agent = dialSilently(port);
  let refusal: string | undefined;
  const decoder = new FrameDecoder({
    frame(type, _id, payload) {
      if (type === FrameType.goaway) refusal = decodeGoaway(payload).detail;
    },
    data() {},
  });
  agent.on('message', (data: Buffer) => decoder.push(data));
  await once(agent, 'open');
  const hello = encodeHello({ ...ownTerms(16), name: 'figma', token });
  const frame = Buffer.alloc(8 + hello.length);
  hello.copy(frame, writeFrameHeader(frame, 0, 0, hello.length, FrameType.hello, false));
  agent.send(frame);
  return waitFor(() => refusal, { timeoutMs: 60_000, what: 'the refusal' });
}

/** Asks as somebody who has nothing to do with the flood. */
async function get(port: number, path: string): Promise<[status: number, text: string]> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  return [answer.status, await answer.text()];
}
