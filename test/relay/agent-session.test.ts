import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { Secret } from '../../src/core/secret.ts';
import type { SessionEnd } from '../../src/core/session-end.ts';
import {
  type AgentSession,
  type AgentSessionOptions,
  openAgentSession,
} from '../../src/relay/agent/agent-session.ts';
import { FrameType } from '../../src/relay/link/frame.ts';
import { encodeHello, ownTerms } from '../../src/relay/link/hello.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { FaultProxy } from '../helpers/fault-proxy.ts';
import { freePort } from '../helpers/free-port.ts';
import { startProgram } from '../helpers/program.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { fakeRelay } from './fake-relay.ts';
import { head, say, startRelay, TEST_HOSTS } from './relay-harness.ts';

const TOKEN = 'the-token-of-this-agent';

interface Serving {
  readonly link: AgentSession;
  /** How it ended, once it did. */
  end(): SessionEnd | undefined;
}

async function serve(
  port: number,
  accept: (exchange: Exchange) => void,
  options: Partial<AgentSessionOptions> = {},
): Promise<Serving> {
  const link = await openAgentSession({
    relayUrl: new URL(`http://127.0.0.1:${port}`),
    name: 'figma',
    publicHosts: TEST_HOSTS,
    token: new Secret(TOKEN),
    accept,
    links: 1,
    random: () => 0.5,
    signal: new AbortController().signal,
    clock: systemClock,
    log: quiet,
    ...options,
  });
  onTestFinished(() => link.close());
  let end: SessionEnd | undefined;
  void link.closed.then((reason) => {
    end = reason;
  });
  return { link, end: () => end };
}

/** Sends numbered events until it is told to end. */
function events(): { accept(exchange: Exchange): void; finish(): void } {
  const open = new Set<Exchange>();
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    for (const exchange of open) exchange.write(Buffer.from(`${count}\n`));
  }, 20);
  onTestFinished(() => clearInterval(timer));
  return {
    accept(exchange) {
      exchange.respond(head(200));
      exchange.write(Buffer.from(`${count}\n`));
      open.add(exchange);
      exchange.onClose = () => open.delete(exchange);
    },
    finish() {
      for (const exchange of open) exchange.end();
      open.clear();
    },
  };
}

describe('a relay that asks its agent to dial again', () => {
  it('gets the next link while the old one finishes what it has', async () => {
    const relay = await startRelay();
    const open: Exchange[] = [];
    const accept = (exchange: Exchange) =>
      exchange.request.target === '/slow' ? void open.push(exchange) : say('quick')(exchange);
    const { end } = await serve(relay.port, accept);
    const slow = fetch(`${relay.url}/figma/slow`);
    await waitFor(() => open.length === 1);
    const [before] = relay.server.tunnels;
    await relay.server.shed({ reason: 'rebalancing', perSecond: 10 });
    await waitFor(() => relay.server.tunnels[0]?.link !== before?.link);
    expect(relay.server.stats.links).toBe(2);
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('quick');
    for (const exchange of open) say('slow')(exchange);
    expect(await (await slow).text()).toBe('slow');
    await waitFor(() => relay.server.stats.links === 1);
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('quick');
    expect(end()).toBeUndefined();
  });

  it('lets the old link take as long as it needs, unless the operator ends the tunnel', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const open: Exchange[] = [];
    await serve(relay.port, (exchange) => void open.push(exchange));
    const slow = [fetch(`${relay.url}/figma/`), fetch(`${relay.url}/figma/`)] as const;
    await waitFor(() => open.length === 2);
    await relay.server.shed({ reason: 'rebalancing', perSecond: 10 });
    await waitFor(() => relay.server.stats.links === 2);
    for (let count = 0; count < 4; count++) {
      await clock.advance(4_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const [first] = open;
    if (first !== undefined) say('slow')(first);
    const answers = slow.map(async (answer) => (await answer).status);
    expect(await Promise.race(answers)).toBe(200);
    relay.server.disconnect('figma', { reason: 'ended', forGood: true });
    expect((await Promise.all(answers)).sort()).toEqual([200, 502]);
  });

  it('hands its agents and visitors over to the next process on its port', { timeout: 30_000 }, async () => {
    const port = await freePort();
    await using old = await startProgram({ program: 'relay.ts', args: [String(port)] });
    const stream = events();
    const { end } = await serve(port, (exchange) =>
      exchange.request.target === '/events' ? stream.accept(exchange) : say('ok')(exchange),
    );
    const reader = lines((await fetch(`http://127.0.0.1:${port}/figma/events`)).body);
    // Waits for the port.
    await using _next = await startProgram({ program: 'relay.ts', args: [String(port)] });
    const visits = visitor(`http://127.0.0.1:${port}/figma/call`);
    await waitFor(() => visits.statuses.length > 50);
    const seen = reader.lines.length;
    process.kill(old.pid, 'SIGTERM');
    const moved = visits.statuses.length;
    await waitFor(() => visits.statuses.length > moved + 50);
    // The stream goes on through the old process, which waits for it.
    await waitFor(() => reader.lines.length > seen + 20);
    expect(alive(old.pid)).toBe(true);
    stream.finish();
    await waitFor(() => reader.ended);
    expect(consecutive(reader.lines)).toBe(true);
    await waitFor(() => !alive(old.pid));
    await visits.stop();
    expect(new Set(visits.statuses)).toEqual(new Set([200]));
    expect(end()).toBeUndefined();
  });

  it('is left as lost when no successor takes the agent in time', async () => {
    const relay = await startRelay();
    const { end } = await serve(relay.port, say('x'));
    const stopped = relay.server.drain(300);
    await stopped;
    await waitFor(() => end() !== undefined);
    expect(end()).toMatchObject({
      reason: 'ended',
      error: { code: 'SESSION_LOST', message: 'the relay is shutting down' },
    });
  });

  it('may be gone for a moment before its successor comes', async () => {
    const relay = await startRelay();
    const { end, link } = await serve(relay.port, say('old'));
    await relay.server.drain(200);
    const next = await startRelay({ port: relay.port });
    await waitFor(() => next.server.stats.links === 1);
    expect(await (await fetch(`${next.url}/figma/`)).text()).toBe('old');
    expect([end(), link.publicUrl.href]).toEqual([undefined, `${relay.url}/figma`]);
  });

  it('is not followed to another public URL', async () => {
    const relay = await startRelay();
    const { end } = await serve(relay.port, say('x'));
    await relay.server.drain(200);
    const next = await startRelay({ port: relay.port, byHost: true });
    await waitFor(() => end() !== undefined);
    expect(end()).toMatchObject({ reason: 'ended', error: { code: 'SESSION_LOST' } });
    await waitFor(() => next.server.stats.links === 0);
  });

  it('learns of a token that changed while the next link was dialled', async () => {
    let registered = 0;
    let serving: Serving | undefined;
    const access = (token: string) => ({
      tokens: [{ sha256: sha256(token) }],
      query: false,
      preflight: false,
    });
    const relay = await startRelay({
      enforceAccess: true,
      authorize: async () => {
        registered += 1;
        if (registered === 2) serving?.link.setAccess(access('new'));
        return { ok: true, identity: 'owner' };
      },
    });
    serving = await serve(relay.port, say('x'), { access: access('old') });
    const [before] = relay.server.tunnels;
    await relay.server.shed({ reason: 'rebalancing', perSecond: 10 });
    await waitFor(() => relay.server.tunnels[0]?.link !== before?.link);
    const ask = async (token: string) =>
      (await fetch(`${relay.url}/figma/`, { headers: { authorization: `Bearer ${token}` } })).status;
    await waitFor(async () => (await ask('new')) === 200);
    expect(await ask('old')).toBe(401);
  });

  it('is not dialled faster and faster when it never stops asking', async () => {
    const clock = new FakeClock();
    const relay = await startRelay();
    await serve(relay.port, say('x'), { clock });
    let links = relay.server.tunnels[0]?.link;
    const shedAndWait = async () => {
      await relay.server.shed({ reason: 'again', perSecond: 10 });
      await waitFor(() => clock.nextIn !== undefined && relay.server.tunnels[0]?.link === links);
    };
    // At once the first time.
    await relay.server.shed({ reason: 'again', perSecond: 10 });
    await waitFor(() => relay.server.tunnels[0]?.link !== links);
    links = relay.server.tunnels[0]?.link;
    await shedAndWait();
    await clock.advance(37);
    expect(relay.server.tunnels[0]?.link).toBe(links);
    await clock.advance(1);
    await waitFor(() => relay.server.tunnels[0]?.link !== links);
  });
});

describe('two links of one agent', () => {
  it('share the calls; when one breaks the other takes them at once and it comes back', async () => {
    const relay = await startRelay();
    const paths = await twoPaths(relay.port);
    const open: Exchange[] = [];
    const { end } = await serve(
      paths.port,
      (exchange) => (exchange.request.target === '/slow' ? void open.push(exchange) : say('quick')(exchange)),
      { links: 2 },
    );
    await waitFor(() => relay.server.stats.links === 2);
    expect(relay.server.tunnels).toHaveLength(1);
    const slow = [1, 2, 3, 4].map(async () => (await fetch(`${relay.url}/figma/slow`)).status);
    await waitFor(() => open.length === 4);
    paths.cut(1);
    await waitFor(() => relay.server.stats.links === 1);
    for (let call = 0; call < 20; call++) {
      expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('quick');
    }
    for (const exchange of open) say('slow')(exchange);
    expect((await Promise.all(slow)).sort()).toEqual([200, 200, 502, 502]);
    await waitFor(() => relay.server.stats.links === 2);
    // It makes no difference which one it is.
    paths.cut(0);
    await waitFor(() => relay.server.stats.links === 1);
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('quick');
    await waitFor(() => relay.server.stats.links === 2);
    expect(end()).toBeUndefined();
  });

  it('are both replaced when the relay sheds, and both end with their tunnel', async () => {
    const relay = await startRelay();
    const { link, end } = await serve(relay.port, say('x'), { links: 2 });
    await waitFor(() => relay.server.stats.links === 2);
    await relay.server.shed({ reason: 'rebalancing', perSecond: 10 });
    await waitFor(() => relay.server.stats.links === 4);
    await waitFor(() => relay.server.stats.links === 2);
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('x');
    expect(end()).toBeUndefined();
    await link.close();
    await waitFor(() => relay.server.stats.links === 0);
    expect((await fetch(`${relay.url}/figma/`)).status).toBe(503);
  });

  it('make way for another agent together', async () => {
    const relay = await startRelay();
    const first = await serve(relay.port, say('first'), { links: 2 });
    await waitFor(() => relay.server.stats.links === 2);
    await serve(relay.port, say('second'), { links: 2 });
    await waitFor(() => first.end() !== undefined);
    expect(first.end()).toMatchObject({ error: { code: 'RELAY_NAME_HELD' } });
    await waitFor(() => relay.server.stats.links === 2);
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('second');
  });

  it('know one list of who may call', async () => {
    const relay = await startRelay({ enforceAccess: true });
    const access = { tokens: [{ sha256: sha256('first') }], query: false, preflight: false };
    const { link } = await serve(relay.port, say('x'), { links: 2, access });
    await waitFor(() => relay.server.stats.links === 2);
    link.setAccess({ ...access, tokens: [{ sha256: sha256('second') }] });
    const ask = async (token: string) =>
      (await fetch(`${relay.url}/figma/`, { headers: { authorization: `Bearer ${token}` } })).status;
    await waitFor(async () => (await ask('second')) === 200);
    expect(await ask('first')).toBe(401);
  });

  it('are one where the relay knows of no groups', async () => {
    const relay = await fakeRelay(
      encodeHello({ ...ownTerms(10), publicUrl: 'http://127.0.0.1/figma', link: 'l' }),
    );
    const { end } = await serve(relay.port, say('x'), { links: 2 });
    relay.request(1, 'http 127.0.0.1 x\r\nGET / HTTP/1.1\r\nHost: x');
    await waitFor(() => relay.frames.some(({ type }) => type === FrameType.response));
    expect(relay.frames.filter(({ type }) => type === FrameType.hello)).toHaveLength(1);
    expect(end()).toBeUndefined();
  });
});

describe('links of one group', () => {
  it('get nothing new once they were told to go and others are there', async () => {
    const relay = await startRelay();
    const open: Exchange[] = [];
    const hold = (exchange: Exchange) => void open.push(exchange);
    const group = 'ours';
    const old = [await relay.link('figma', hold, { group }), await relay.link('figma', hold, { group })];
    const slow = [fetch(`${relay.url}/figma/`), fetch(`${relay.url}/figma/`)];
    await waitFor(() => open.length === 2);
    await relay.server.shed({ reason: 'rebalancing', perSecond: 10 });
    await relay.link('figma', say('new'), { group });
    const calls = Array.from({ length: 6 }, async () => await (await fetch(`${relay.url}/figma/`)).text());
    await waitFor(() => relay.server.stats.streams === 2);
    expect(open).toHaveLength(2);
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['new']));
    for (const exchange of open) say('old')(exchange);
    for (const answer of slow) expect(await (await answer).text()).toBe('old');
    for (const link of old) await link.close();
  });

  it('are of a limited number, so that one name cannot fill the relay', async () => {
    const relay = await startRelay();
    for (let count = 0; count < 16; count++) await relay.link('figma', say('x'), { group: 'ours' });
    const refusal = {
      code: 'RELAY_UNREACHABLE',
      message: expect.stringContaining('16 links of the name figma'),
    };
    await expect(relay.link('figma', say('x'), { group: 'ours' })).rejects.toMatchObject(refusal);
    await relay.link('other', say('x'));
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('x');
  });
});

describe('a link that is superseded by another agent', () => {
  it('ends, and leaves the other in peace', async () => {
    const relay = await startRelay();
    const first = await serve(relay.port, say('first'));
    await serve(relay.port, say('second'));
    await waitFor(() => first.end() !== undefined);
    expect(first.end()).toMatchObject({ reason: 'ended', error: { code: 'RELAY_NAME_HELD' } });
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('second');
  });
});

describe('a peer that is stopped', () => {
  it('is found by the agent in under 20 s, and served again when it runs', { timeout: 30_000 }, async () => {
    const port = await freePort();
    await using relay = await startProgram({ program: 'relay.ts', args: [String(port)] });
    const clock = new FakeClock();
    const { end } = await serve(port, say('before'), { clock });
    // Nothing is under way any more after this.
    expect(await (await fetch(`http://127.0.0.1:${port}/figma/`)).text()).toBe('before');
    process.kill(relay.pid, 'SIGSTOP');
    await clock.advance(19_999);
    await waitFor(() => end() !== undefined);
    expect(end()).toMatchObject({
      reason: 'ended',
      error: { code: 'SESSION_LOST', message: expect.stringMatching(/silent/) },
    });
    process.kill(relay.pid, 'SIGCONT');
    await serve(port, say('after'));
    expect(await (await fetch(`http://127.0.0.1:${port}/figma/`)).text()).toBe('after');
  });

  it('is found by the relay in under 20 s, and takes its name again', { timeout: 30_000 }, async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    await using agent = await startProgram({ program: 'agent.ts', args: [String(relay.port), 'figma'] });
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('ok');
    process.kill(agent.pid, 'SIGSTOP');
    const call = fetch(`${relay.url}/figma/`);
    await waitFor(() => relay.server.stats.streams === 1);
    let seconds = 0;
    for (; relay.server.stats.links > 0; seconds++) await clock.advance(1_000);
    expect(seconds).toBeLessThan(20);
    expect((await call).status).toBe(502);
    // Who comes now waits for it.
    const waiting = fetch(`${relay.url}/figma/`);
    await waitFor(() => relay.server.stats.connections > 0);
    await serve(relay.port, say('back'));
    expect(await (await waiting).text()).toBe('back');
    process.kill(agent.pid, 'SIGCONT');
  });
});

/** One port, from where each connection takes the emptier of two ways. */
async function twoPaths(target: number): Promise<{ port: number; cut(path: 0 | 1): void }> {
  const first = await FaultProxy.listen({ host: '127.0.0.1', port: target });
  const second = await FaultProxy.listen({ host: '127.0.0.1', port: target });
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect((first.connections <= second.connections ? first : second).port, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => other.destroy());
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await Promise.all([first.close(), second.close()]);
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut: (path) => (path === 0 ? first : second).cut(),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Calls again and again, each time over a new connection; one that was not taken at all is tried again. */
function visitor(url: string): {
  readonly statuses: number[];
  stop(): Promise<void>;
} {
  const statuses: number[] = [];
  let stopped = false;
  const run = async () => {
    while (!stopped) {
      for (;;) {
        const answer = await fetch(url, { headers: { connection: 'close' } }).catch(() => undefined);
        if (answer !== undefined) {
          await answer.text();
          statuses.push(answer.status);
          break;
        }
        if (stopped) return;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  };
  const running = run();
  const stop = () => {
    stopped = true;
    return running;
  };
  onTestFinished(stop);
  return {
    statuses,
    stop,
  };
}

function lines(body: ReadableStream<Uint8Array> | null): {
  readonly lines: number[];
  readonly ended: boolean;
} {
  const state = { lines: [] as number[], ended: false };
  const read = async () => {
    let text = '';
    for await (const chunk of body ?? []) {
      text += Buffer.from(chunk).toString();
      const complete = text.split('\n');
      text = complete.pop() ?? '';
      state.lines.push(...complete.map(Number));
    }
    state.ended = true;
  };
  void read();
  return state;
}

function consecutive(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number === (numbers[index - 1] ?? 0) + 1);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
