import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { Secret } from '../../src/core/secret.ts';
import { openAgentLink } from '../../src/relay/agent/agent-link.ts';
import { FrameType } from '../../src/relay/link/frame.ts';
import { encodeHello, ownTerms } from '../../src/relay/link/hello.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { FaultProxy } from '../helpers/fault-proxy.ts';
import { freePort } from '../helpers/free-port.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { fakeRelay } from './fake-relay.ts';
import { head, say, startRelay, TEST_HOSTS } from './relay-harness.ts';

function open(port: number, options: { signal?: AbortSignal; clock?: FakeClock; name?: string } = {}) {
  return openAgentLink({
    relayUrl: new URL(`http://127.0.0.1:${port}`),
    name: options.name ?? 'figma',
    publicHosts: TEST_HOSTS,
    token: new Secret('alice'),
    accept: say('ok'),
    signal: options.signal ?? new AbortController().signal,
    clock: options.clock ?? new FakeClock(),
    log: quiet,
  });
}

/** A TCP server that says `answer` to whatever connects. */
async function sayingServer(answer: string | undefined): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', () => answer !== undefined && socket.write(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

describe('opening a link', () => {
  it('says that nothing listens', async () => {
    await expect(open(await freePort())).rejects.toMatchObject({
      code: 'RELAY_UNREACHABLE',
      retryable: true,
    });
  });

  it.each([
    ['a web server', 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', 'NOT_A_RELAY'],
    ['something that is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'NOT_A_RELAY'],
    ['an answer without an end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(4_000)}`, 'NOT_A_RELAY'],
    ['a proxy without its relay', 'HTTP/1.1 502 Bad Gateway\r\n\r\n', 'RELAY_UNREACHABLE'],
  ])('tells %s from a relay', async (_what, answer, code) => {
    const { port, sockets } = await sayingServer(answer);
    await expect(open(port)).rejects.toMatchObject({ code });
    await waitFor(() => sockets.size === 0);
  });

  it('gives up after 3 s without an answer to its handshake', async () => {
    const { port, sockets } = await sayingServer(undefined);
    const clock = new FakeClock();
    const opening = expect(open(port, { clock })).rejects.toMatchObject({
      code: 'RELAY_UNREACHABLE',
      message: expect.stringContaining('no answer within 3 s'),
    });
    await waitFor(() => sockets.size === 1 && clock.pending === 2);
    await clock.advance(3_000);
    await opening;
    await waitFor(() => sockets.size === 0);
    expect(clock.pending).toBe(0);
  });

  it('gives up after 10 s without a HELLO', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'tunneld.1' });
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const greeted = once(server, 'connection').then(([peer]) => once(peer as WebSocket, 'message'));
    const clock = new FakeClock();
    const opening = expect(open((server.address() as AddressInfo).port, { clock })).rejects.toMatchObject({
      code: 'TUNNEL_OPEN_TIMEOUT',
    });
    await greeted;
    await clock.advance(10_000);
    await opening;
    await waitFor(() => server.clients.size === 0);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['a HELLO that is not JSON', Buffer.from('hello')],
    ['another version', encodeHello({ ...ownTerms(10), version: 2, publicUrl: 'http://x/', link: 'l' })],
    [
      'a window too small to work',
      encodeHello({ ...ownTerms(10), window: 1_000, publicUrl: 'http://x/', link: 'l' }),
    ],
    [
      'a public URL that is none',
      encodeHello({ ...ownTerms(10), publicUrl: 'javascript:alert(1)', link: 'l' }),
    ],
  ])('refuses a relay that sends %s', async (_what, hello) => {
    const relay = await fakeRelay(hello);
    await expect(open(relay.port)).rejects.toMatchObject({ code: 'RELAY_PROTOCOL' });
  });

  it('says which name the relay will not take', async () => {
    const relay = await startRelay();
    await expect(open(relay.port, { name: 'Not_A_Name' })).rejects.toMatchObject({ code: 'NAME_INVALID' });
  });

  it('refuses a relay that sends visitors, probes and tokens elsewhere', async () => {
    const elsewhere = encodeHello({ ...ownTerms(10), publicUrl: 'http://169.254.169.254/figma', link: 'l' });
    const relay = await fakeRelay(elsewhere);
    await expect(open(relay.port)).rejects.toMatchObject({
      code: 'RELAY_PUBLIC_URL',
      retryable: false,
      message: expect.stringContaining('http://169.254.169.254'),
      remedy: expect.stringContaining('--relay-public-host 169.254.169.254'),
    });
  });

  it('never puts the token into an error', async () => {
    const relay = await startRelay();
    const failure = await relay.link('figma', say('x'), { token: 'wrong' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'CREDENTIAL_REJECTED', retryable: false });
    expect(JSON.stringify(failure) + String(failure)).not.toContain('wrong');
  });
});

describe('an open link', () => {
  it('is given up within 20 s when the relay stops answering', async () => {
    const relay = await startRelay();
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    const clock = new FakeClock();
    const link = await open(proxy.port, { clock });
    // Nothing is under way any more after this.
    expect((await fetch(`${relay.url}/figma/`)).status).toBe(200);
    proxy.faults.stalled = true;
    await clock.advance(19_999);
    expect(await link.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'SESSION_LOST', message: expect.stringMatching(/silent/) },
    });
    expect(clock.pending).toBeLessThanOrEqual(1);
  });

  it('is given up by the relay within 20 s when the agent stops answering', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    await relay.link('figma', say('ok'), { port: proxy.port, clock: new FakeClock() });
    expect((await fetch(`${relay.url}/figma/`)).status).toBe(200);
    proxy.faults.stalled = true;
    const call = fetch(`${relay.url}/figma/`);
    await waitFor(() => relay.server.stats.streams === 1);
    await clock.advance(19_999);
    expect((await call).status).toBe(502);
    expect(relay.server.stats.links).toBe(0);
  });

  it('works in pieces of any size, slowly', async () => {
    const relay = await startRelay();
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    proxy.faults.maxPiece = 3;
    await relay.link('figma', say('in pieces'), { port: proxy.port });
    expect(await (await fetch(`${relay.url}/figma/`, { method: 'POST', body: 'x'.repeat(500) })).text()).toBe(
      'in pieces',
    );
  });

  it('leaves nothing behind after 1000 openings and closings', async () => {
    const relay = await startRelay();
    for (let round = 0; round < 1_000; round++) {
      const link = await open(relay.port);
      await link.close();
      expect(await link.closed).toEqual({ reason: 'closed-by-us' });
    }
    await waitFor(() => relay.server.stats.links === 0 && relay.server.stats.pendingLinks === 0);
    const sockets = process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap');
    expect(sockets.length).toBeLessThan(10);
  });

  it('refuses a request from the relay that is not valid HTTP, and goes on', async () => {
    const relay = await fakeRelay(
      encodeHello({ ...ownTerms(10), publicUrl: 'http://127.0.0.1/figma', link: 'l' }),
    );
    const link = await open(relay.port);
    relay.request(1, 'http 1.2.3.4 x\r\nGET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2');
    relay.request(2, 'http 1.2.3.4 x\r\nGET / HTTP/1.1\r\nHost: x');
    const ofStreams = () => relay.frames.filter(({ id }) => id > 0);
    await waitFor(() => ofStreams().length >= 2);
    expect(ofStreams().map(({ type, id }) => [type, id])).toEqual([
      [FrameType.reset, 1],
      [FrameType.response, 2],
    ]);
    await link.close();
  });
});

describe('the relay’s side of registration', () => {
  it('closes a socket that says nothing for 5 s', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const agent = rawAgent(relay.port);
    await waitFor(() => relay.server.stats.pendingLinks === 1);
    await clock.advance(5_000);
    await waitFor(() => agent.text().includes('no HELLO in time'));
    agent.socket.end();
    await waitFor(() => relay.server.stats.pendingLinks === 0);
    expect(clock.pending).toBe(1);
  });

  it('lets the silent socket that waited longest make room beyond its limit of unregistered ones', async () => {
    const relay = await startRelay({ limits: { pendingLinks: 2 } });
    const first = rawAgent(relay.port);
    await waitFor(() => relay.server.stats.pendingLinks === 1);
    rawAgent(relay.port);
    await waitFor(() => relay.server.stats.pendingLinks === 2);
    const third = rawAgent(relay.port);
    await waitFor(() => first.socket.closed);
    await waitFor(() => third.text().startsWith('HTTP/1.1 101'));
    expect(relay.server.stats.pendingLinks).toBe(2);
  });

  it('registers an agent while strangers ask for links without a pause and say nothing', async () => {
    const relay = await startRelay({ limits: { pendingLinks: 4 } });
    const strangers = Array.from({ length: 20 }, () => rawAgent(relay.port));
    await waitFor(() => strangers.every(({ text }) => text() !== ''));
    await relay.link('figma', say('ok'));
    expect(relay.server.stats).toMatchObject({ links: 1 });
    expect(strangers.every(({ text }) => text().startsWith('HTTP/1.1 101'))).toBe(true);
  });

  it('turns sockets away when all before them said who they are and wait for an answer', async () => {
    const relay = await startRelay({ limits: { pendingLinks: 2 }, authorize: () => new Promise(() => {}) });
    const abort = new AbortController();
    const agents = ['one', 'two'].map((name) => open(relay.port, { name, signal: abort.signal }));
    const asked = Promise.allSettled(agents);
    await waitFor(() => relay.server.stats.pendingLinks === 2);
    const third = await waitFor(async () => {
      const stranger = rawAgent(relay.port);
      await waitFor(() => stranger.text() !== '');
      return stranger.text().startsWith('HTTP/1.1 503') ? stranger : undefined;
    });
    expect(third.text()).toContain('no room for another link');
    abort.abort(new Error('enough'));
    await asked;
  });

  it('tells the agents to go when it drains, and lets calls finish', async () => {
    const relay = await startRelay();
    const calls: (() => void)[] = [];
    const link = await relay.link('figma', (exchange) => {
      const body = Buffer.from('done');
      calls.push(() => void exchange.respond(head(200, body.length), body, true));
    });
    const call = fetch(`${relay.url}/figma/`);
    await waitFor(() => calls.length === 1);
    const draining = relay.server.drain(5_000);
    calls[0]?.();
    expect(await (await call).text()).toBe('done');
    await draining;
    expect(await link.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'SESSION_LOST', message: 'the relay is shutting down' },
    });
  });
});

function rawAgent(port: number): { socket: Socket; text: () => string } {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.write(
    'GET /_tunneld/link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  return { socket, text: () => text };
}
