import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { Exchange } from '../../../src/core/exchange.ts';
import { Secret } from '../../../src/core/secret.ts';
import { FrameDecoder, FrameType, writeFrameHeader } from '../../../src/relay/link/frame.ts';
import { encodeHello, ownTerms } from '../../../src/relay/link/hello.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { FaultProxy } from '../../helpers/fault-proxy.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { connectTo } from '../../http1/raw-client.ts';
import { startTestRelay } from '../../relayd/harness.ts';
import { say, startRelay } from '../relay-harness.ts';

/**
 * What relays of this kind are known to get wrong. These are about links; what happens to requests is in traffic.test.ts.
 */
describe('a link', () => {
  it('that was replaced takes nothing with it, however and whenever it ends', async () => {
    const relay = await startRelay();
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    const old = await relay.link('figma', say('old'), { port: proxy.port });
    // The relay cannot know yet that this one is dead.
    proxy.faults.stalled = true;
    await relay.link('figma', say('new'));
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('new');
    proxy.cut('rst');
    expect((await old.closed).reason).toBe('ended');
    await waitFor(() => relay.server.stats.links === 1);
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('new');
  });

  it('of somebody else takes no name away, not on an open relay either, nor a reserved one', async () => {
    const relay = await startTestRelay({ auth: { kind: 'open' } });
    await relay.link('figma');
    const mallory = { token: new Secret('another-token-of-16') };
    await expect(relay.link('figma', mallory)).rejects.toMatchObject({ code: 'RELAY_NAME_TAKEN' });
    await expect(relay.link('www', mallory)).rejects.toMatchObject({ retryable: false });
    expect((await relay.ask('figma.tunnel.test', '/')).status).toBe(200);
    expect((await relay.ask('figma.evil.test', '/mcp')).status).toBe(404);
  });

  it('that is idle is never silent for long, and one that is dead is noticed by both ends', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    const link = await relay.link('figma', say('ok'), { port: proxy.port, clock });
    for (let second = 0; second < 120; second += 4) {
      await clock.advance(4_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('ok');
    proxy.faults.stalled = true;
    await clock.advance(20_000);
    expect((await link.closed).reason).toBe('ended');
    expect(relay.server.stats.links).toBe(0);
  });

  it('is not held open by sockets that never register, and those have a limit', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock, limits: { pendingLinks: 2 } });
    const silent = Array.from({ length: 3 }, () => dial(relay.port));
    const closed = () => silent.filter(({ readyState }) => readyState === WebSocket.CLOSED).length;
    await waitFor(() => closed() === 1);
    expect(relay.server.stats.pendingLinks).toBe(2);
    await clock.advance(5_000);
    await waitFor(() => closed() === 3 && relay.server.stats.pendingLinks === 0);
    await relay.link('figma', say('ok'));
  });

  it('is one of a limited number', async () => {
    const relay = await startRelay({ limits: { links: 2 } });
    await relay.link('a', say('ok'));
    await relay.link('b', say('ok'));
    await expect(relay.link('c', say('ok'))).rejects.toMatchObject({ retryable: true });
  });

  it('is one of a limited number of each token', async () => {
    const relay = await startRelay({ limits: { linksPerIdentity: 2 } });
    const first = await relay.link('a', say('ok'));
    await relay.link('b', say('ok'));
    await expect(relay.link('c', say('ok'))).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining('this token has 2 links already'),
    });
    await relay.link('c', say('ok'), { token: 'bob' });
    await first.close();
    await waitFor(() => relay.server.stats.links === 2);
    await relay.link('d', say('ok'));
  });

  it('serves at the moment it is acknowledged', async () => {
    const relay = await startRelay();
    for (let count = 0; count < 20; count++) {
      const name = `figma-${count}`;
      const visitor = connectTo(relay.port);
      await waitFor(() => !visitor.socket.connecting);
      await relay.link(name, say('at once'));
      visitor.send(`GET /${name}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(await visitor.untilEnd()).toMatch(/^HTTP\/1\.1 200 .*at once$/s);
    }
  });

  it('is told to go when the relay drains, and what it carries is finished', async () => {
    const relay = await startRelay();
    const open: Exchange[] = [];
    const link = await relay.link('figma', (exchange) => void open.push(exchange));
    const call = fetch(`${relay.url}/figma/slow`);
    await waitFor(() => open.length === 1);
    const drained = relay.server.drain(5_000);
    await expect(fetch(`${relay.url}/figma/`)).rejects.toThrow();
    say('finished')(open[0] as Exchange);
    expect(await (await call).text()).toBe('finished');
    await drained;
    expect(await link.closed).toMatchObject({ reason: 'ended', error: { code: 'SESSION_LOST' } });
  });

  it('of a version that is not spoken here is told so at once', async () => {
    const relay = await startRelay();
    const agent = dial(relay.port);
    const goaways: string[] = [];
    const decoder = new FrameDecoder({
      frame: (type, _id, payload) => {
        if (type === FrameType.goaway) goaways.push(payload.toString('latin1', 2));
      },
      data() {},
    });
    agent.on('message', (data: Buffer) => decoder.push(data));
    await once(agent, 'open');
    const hello = encodeHello({ ...ownTerms(16), version: 99, name: 'figma', token: 'alice' });
    const frame = Buffer.alloc(8 + hello.length);
    hello.copy(frame, writeFrameHeader(frame, 0, 0, hello.length, FrameType.hello, false));
    agent.send(frame);
    await once(agent, 'close');
    expect(goaways).toEqual([expect.stringContaining('version 99 is not supported')]);
  });

  it('asks nobody at a terminal', () => {
    const readers = ['relay', 'providers', 'daemon', 'gateway'].flatMap((folder) =>
      sources(path.join('src', folder)).filter((file) =>
        /process\.stdin|readline/.test(readFileSync(file, 'utf8')),
      ),
    );
    expect(readers).toEqual([]);
  });
});

/** An agent that has shaken hands and says nothing yet. */
function dial(port: number): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/_tunneld/link`, 'tunneld.1');
  socket.on('error', () => {});
  onTestFinished(() => socket.terminate());
  return socket;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(folder, file));
}
