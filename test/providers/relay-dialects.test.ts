import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { mcpTunnelEdge } from '../../src/mcp-tunnel/edge/dialect.ts';
import type { TunnelSession } from '../../src/providers/provider.ts';
import { RelayProvider } from '../../src/providers/relay/relay-provider.ts';
import { RelayServer } from '../../src/relay/edge/relay-server.ts';
import { freePort } from '../helpers/free-port.ts';
import { ReferenceRelay } from '../helpers/mcp-tunnel/reference-relay.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';

function providerAt(port: number): { open(): Promise<TunnelSession> } {
  const provider = new RelayProvider({
    relayUrl: () => new URL(`http://127.0.0.1:${port}`),
    token: new Secret('s3cret'),
    name: '127',
    publicHosts: ['127.0.0.1'],
    clock: systemClock,
  });
  return {
    async open() {
      const request = { way: 'in-process', name: 'figma', accept: () => {} } as const;
      const session = await provider.open(request, { signal: new AbortController().signal, log: quiet });
      onTestFinished(() => session.close());
      return session;
    },
  };
}

/** Our own relay, which also takes clients of mcp-tunnel. */
async function startOurs(port = 0): Promise<{ port: number; close(): Promise<void> }> {
  const server = new RelayServer({
    host: '127.0.0.1',
    port,
    routing: { kind: 'path' },
    authorize: async () => ({ ok: true, identity: 'owner' }),
    dialects: [mcpTunnelEdge(true)],
    clock: systemClock,
    log: quiet,
  });
  const listening = await server.listen();
  onTestFinished(() => server.close());
  return { port: listening.port, close: () => server.close() };
}

async function startTheirs(port?: number): Promise<ReferenceRelay> {
  const relay = await ReferenceRelay.start({
    generation: '0.2',
    clock: systemClock,
    ...(port === undefined ? {} : { port }),
  });
  onTestFinished(() => relay[Symbol.asyncDispose]());
  return relay;
}

/** A proxy in front of a relay; `answer` takes its place for the request lines it returns something for. */
async function startProxy(
  port: number,
  answer: (requestLine: string) => string | undefined,
): Promise<{ port: number; lines: string[] }> {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    sockets.add(near);
    near.on('error', () => {});
    near.once('data', (head: Buffer) => {
      const line = head.toString('latin1').split('\r\n')[0] ?? '';
      lines.push(line);
      const own = answer(line);
      if (own !== undefined) return void near.end(own);
      const far = connect(port, '127.0.0.1');
      far.on('error', () => near.destroy());
      near.on('close', () => far.destroy());
      far.write(head);
      near.pipe(far).pipe(near);
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return { port: (proxy.address() as AddressInfo).port, lines };
}

const BAD_GATEWAY = 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n';
const LINK = 'GET /_tunneld/link HTTP/1.1';
const REGISTER = 'GET /_tunnel/register HTTP/1.1';

describe('the protocol of a relay', () => {
  it('is found by speaking it, and tried first from then on', async () => {
    const theirs = await startTheirs();
    const proxy = await startProxy(theirs.port, () => undefined);
    const provider = providerAt(proxy.port);
    const session = await provider.open();
    expect(session.notes?.join()).toContain('mcp-tunnel');
    await session.close();
    await provider.open();
    expect(proxy.lines).toEqual([LINK, REGISTER, REGISTER]);
  });

  it('is our own wherever the relay is one of ours', async () => {
    const proxy = await startProxy((await startOurs()).port, () => undefined);
    expect((await providerAt(proxy.port).open()).notes).toBeUndefined();
    expect(proxy.lines).toEqual([LINK]);
  });

  it('is found again when the relay is replaced by one of the other kind, either way', async () => {
    const port = await freePort();
    const provider = providerAt(port);
    const theirs = await startTheirs(port);
    expect((await provider.open()).notes).toBeDefined();
    await theirs[Symbol.asyncDispose]();
    const ours = await startOurs(port);
    expect((await provider.open()).notes).toBeUndefined();
    await ours.close();
    await startTheirs(port);
    expect((await provider.open()).notes).toBeDefined();
  });

  it('is never taken for the poorer one because a proxy had an error in front of ours', async () => {
    const ours = await startOurs();
    let failing = true;
    // The relay comes up between the two questions, and would take the older protocol as well.
    const proxy = await startProxy(ours.port, (line) => {
      const answer = failing && line === LINK ? BAD_GATEWAY : undefined;
      if (line === REGISTER) failing = false;
      return answer;
    });
    const provider = providerAt(proxy.port);
    await expect(provider.open()).rejects.toMatchObject({
      code: 'RELAY_UNREACHABLE',
      retryable: true,
      message: expect.stringContaining('it is a tunneld relay'),
    });
    expect((await provider.open()).notes).toBeUndefined();
    expect(proxy.lines).toEqual([LINK, REGISTER, LINK]);
  });

  it('is found although somebody has a tunnel under the name the relay is dialled by, and is silent', async () => {
    const theirs = await startTheirs();
    // Host `127.0.0.1` leads to the tunnel `127`: our first question ends there, unanswered.
    const squatter = new WebSocket(`ws://127.0.0.1:${theirs.port}/_tunnel/register`);
    await once(squatter, 'open');
    squatter.send('{"token":"somebody","subdomain":"127"}');
    await waitFor(() => theirs.tunnels.has('127'));
    expect((await providerAt(theirs.port).open()).notes).toBeDefined();
  });

  it.each([
    ['an error page', BAD_GATEWAY, 'RELAY_UNREACHABLE'],
    ['no relay at all', 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', 'NOT_A_RELAY'],
  ])('stays unknown behind %s, and both questions are said', async (_what, answer, code) => {
    const proxy = await startProxy(0, () => answer);
    await expect(providerAt(proxy.port).open()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/\/_tunneld\/link: it answered \d+; \/_tunnel\/register: it answered/),
    });
  });

  it('is not asked for again when a relay of ours refuses', async () => {
    const refusal =
      'HTTP/1.1 503 Service Unavailable\r\nX-Tunneld-Relay: no-link\r\nContent-Length: 0\r\n\r\n';
    const proxy = await startProxy(0, () => refusal);
    await expect(providerAt(proxy.port).open()).rejects.toMatchObject({ code: 'RELAY_UNREACHABLE' });
    expect(proxy.lines).toEqual([LINK]);
  });
});
