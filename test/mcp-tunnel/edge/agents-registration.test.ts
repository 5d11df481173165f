import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { Authorize } from '../../../src/relay/edge/authorization.ts';
import { derivedName } from '../../../src/relay/edge/name-choice.ts';
import { authorizeFromList } from '../../../src/relayd/authorizers.ts';
import { parseGrants } from '../../../src/relayd/static-tokens.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { registerOldClient } from '../../helpers/mcp-tunnel/old-client.ts';
import { startClientP1 } from '../../helpers/mcp-tunnel/old-client-p1.ts';
import { startClientP2 } from '../../helpers/mcp-tunnel/old-client-p2.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { startLocal, startOldRelay, visit } from './agents-harness.ts';

const ignore = () => {};

describe('a client of mcp-tunnel', () => {
  it.each([
    ['0.1', startClientP1],
    ['0.2', startClientP2],
  ])('%s registers the name it asks for and serves at once', async (version, start) => {
    const relay = await startOldRelay();
    const local = await startLocal((request, response) => response.end(`${request.method} ${request.url}`));
    const client = await start({ ...relay.as('myapp'), localPort: local.port });
    expect(client).toMatchObject({ subdomain: 'myapp', url: 'https://myapp.tunnel.test' });
    const { status, text } = await relay.visit('myapp', '/mcp?x=1').answer;
    expect([status, text]).toEqual([200, 'GET /mcp?x=1']);
    expect(relay.server.tunnels).toMatchObject([
      { name: 'myapp', dialect: `mcp-tunnel ${version}`, access: 'open', streams: 0 },
    ]);
  });

  it('registers on any host name of the relay, also that of a tunnel', async () => {
    const relay = await startOldRelay();
    await registerOldClient(relay.as('myapp'), ignore);
    const other = await registerOldClient(relay.as('other', { host: 'myapp.tunnel.test' }), ignore);
    expect(other.subdomain).toBe('other');
  });

  it('gets the URL by path where the relay routes by path', async () => {
    const relay = await startOldRelay({ routing: 'path' });
    const local = await startLocal((request, response) =>
      response.end(`${request.headers['x-forwarded-prefix']} ${request.url}`),
    );
    const client = await startClientP2({ ...relay.as('myapp'), localPort: local.port });
    expect(client.url).toBe('https://tunnel.test/myapp');
    const { text } = await visit(relay.port, 'tunnel.test', '/myapp/mcp', {}).answer;
    expect(text).toBe('/myapp /mcp');
  });

  it.each(['test', 'my-token', 'any'])(
    'gets the name that follows from its token %s on an open relay',
    async (token) => {
      const relay = await startOldRelay();
      const client = await registerOldClient(relay.as(undefined, { token }), ignore);
      expect(client.subdomain).toBe(derivedName(token));
    },
  );

  it('may say other things before it registers, which are skipped', async () => {
    const relay = await startOldRelay();
    const preamble = ['hello', '{"subdomain":"x"}', '{"token":7}', '[]', Buffer.from('{"token":"x"}')];
    const client = await registerOldClient(relay.as('myapp', { preamble }), ignore);
    expect(client.subdomain).toBe('myapp');
  });

  it('is sent away when it says too much before it registers', async () => {
    const relay = await startOldRelay();
    const preamble = Array.from({ length: 5 }, () => 'x'.repeat(20_000));
    const refused = registerOldClient(relay.as('myapp', { preamble }), ignore);
    await expect(refused).rejects.toThrow(/too many bytes|too long/);
  });

  it('is sent away when it does not register within 5 s', async () => {
    const clock = new FakeClock();
    const relay = await startOldRelay({ clock });
    const ws = new WebSocket(`ws://127.0.0.1:${relay.port}/_tunnel/register`);
    const closed = new Promise<number>((resolve) => ws.once('close', resolve));
    await waitFor(() => relay.server.stats.pendingLinks === 1);
    await clock.advance(4_999);
    expect(relay.server.stats.pendingLinks).toBe(1);
    await clock.advance(1);
    expect(await closed).toBe(4001);
    await waitFor(() => relay.server.stats.pendingLinks === 0);
  });

  it('is forgotten at once when it leaves before it registers', async () => {
    const clock = new FakeClock();
    const relay = await startOldRelay({ clock });
    const before = clock.pending;
    const ws = new WebSocket(`ws://127.0.0.1:${relay.port}/_tunnel/register`);
    await new Promise((resolve) => ws.once('open', resolve));
    expect(clock.pending).toBeGreaterThan(before);
    ws.terminate();
    await waitFor(() => relay.server.stats.pendingLinks === 0);
    await waitFor(() => clock.pending === before);
  });

  it('is not kept out by one that holds the last place without a word', async () => {
    const relay = await startOldRelay({ limits: { pendingLinks: 1 } });
    const first = new WebSocket(`ws://127.0.0.1:${relay.port}/_tunnel/register`);
    first.on('error', ignore);
    onTestFinished(() => first.terminate());
    await waitFor(() => relay.server.stats.pendingLinks === 1);
    await registerOldClient(relay.as('myapp'), ignore);
    await waitFor(() => first.readyState === WebSocket.CLOSED);
    expect(relay.server.stats.pendingLinks).toBe(0);
  });

  it('makes room for others while it thinks about an offer', async () => {
    const authorize = authorizeFromList(() => parseGrants('alice:a,b', 'test'), 'host');
    const relay = await startOldRelay({ authorize, limits: { pendingLinks: 1 } });
    const slow = new Promise<void>((resolve, reject) => {
      const choose = () => {
        resolve();
        return undefined;
      };
      registerOldClient(relay.as(undefined, { token: 'alice', choose }), ignore).catch(reject);
    });
    await slow;
    expect((await registerOldClient(relay.as('a', { token: 'alice' }), ignore)).subdomain).toBe('a');
  });

  it('is not sent away for another one while it waits for the relay', async () => {
    let answer: (() => void) | undefined;
    const authorize: Authorize = () =>
      new Promise((resolve) => {
        answer = () => resolve({ ok: true, identity: 'a', name: 'a' });
      });
    const relay = await startOldRelay({ authorize, limits: { pendingLinks: 1 } });
    const first = registerOldClient(relay.as('a'), ignore);
    await waitFor(() => answer);
    await expect(registerOldClient(relay.as('a'), ignore)).rejects.toThrow('503');
    answer?.();
    expect((await first).subdomain).toBe('a');
  });

  it('is refused where the operator does not want it', async () => {
    const relay = await startOldRelay({ serve: false });
    await expect(registerOldClient(relay.as('myapp'), ignore)).rejects.toThrow('403');
  });

  it.each([
    ['GET', 400],
    ['POST', 405],
  ])('is told by %s without an upgrade that it needs one', async (method, status) => {
    const relay = await startOldRelay();
    const answer = await relay.visit('myapp', '/_tunnel/register?x=1', { method }).answer;
    expect(answer.status).toBe(status);
    expect(answer.text).toContain("did not include 'upgrade'");
  });

  it('is told so by a handshake that is none', async () => {
    const relay = await startOldRelay();
    const status = (method: string, version: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = {
          connection: 'upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': version,
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        };
        httpRequest({ host: '127.0.0.1', port: relay.port, path: '/_tunnel/register', method, headers })
          .on('response', (response) => {
            response.resume();
            resolve(response.statusCode);
          })
          .on('error', reject)
          .end();
      });
    expect(await status('GET', '12')).toBe(400);
    expect(await status('PUT', '13')).toBe(405);
  });
});

describe('a token of a list', () => {
  const LIST = 'alice:alice,alice-*\nbob:bob\neve:alice\nnobody:www';
  const start = () =>
    startOldRelay({ authorize: authorizeFromList(() => parseGrants(LIST, 'test'), 'host') });

  it('that is unknown is refused with 4001', async () => {
    const relay = await start();
    const refused = registerOldClient(relay.as('alice', { token: 'mallory' }), ignore);
    await expect(refused).rejects.toThrow('Authentication failed: invalid token (4001)');
  });

  it('gets the name it asks for without an offer', async () => {
    const relay = await start();
    const choose = () => 'alice';
    const client = await registerOldClient(relay.as('alice-dev', { token: 'alice', choose }), ignore);
    expect(client.subdomain).toBe('alice-dev');
  });

  it('with a single name gets that one, whatever it asked for', async () => {
    const relay = await start();
    expect((await registerOldClient(relay.as('other', { token: 'bob' }), ignore)).subdomain).toBe('bob');
  });

  it.each([undefined, 'other'])(
    'is offered its patterns as they are written when it asks for %s',
    async (wish) => {
      const relay = await start();
      let offered: readonly string[] = [];
      const choose = (names: readonly string[]) => {
        offered = names;
        return 'alice-dev';
      };
      const client = await registerOldClient(relay.as(wish, { token: 'alice', choose }), ignore);
      expect(offered).toEqual(['alice', 'alice-*']);
      expect(client.url).toBe('https://alice-dev.tunnel.test');
    },
  );

  it.each([
    ['bob', "subdomain 'bob' not authorized for this token"],
    ['alice-', 'the name is not usable as a host name'],
    ['', "subdomain '' not authorized for this token"],
  ])('that picks %j is refused with 4001', async (pick, reason) => {
    const relay = await start();
    const choose = () => pick;
    const refused = registerOldClient(relay.as(undefined, { token: 'alice', choose }), ignore);
    await expect(refused).rejects.toThrow(`Authentication failed: ${reason} (4001)`);
  });

  it('may be picked for by somebody slow, but not for ever', async () => {
    const clock = new FakeClock();
    const authorize = authorizeFromList(() => parseGrants(LIST, 'test'), 'host');
    const relay = await startOldRelay({ clock, authorize });
    let offers = 0;
    const choose = () => {
      offers++;
      return undefined;
    };
    const refused = registerOldClient(relay.as(undefined, { token: 'alice', choose }), ignore);
    refused.catch(() => {});
    await waitFor(() => offers === 1);
    await clock.advance(119_000);
    expect(relay.server.stats.pendingLinks).toBe(1);
    await clock.advance(1_000);
    await expect(refused).rejects.toThrow('4001');
  });

  it('cannot have a reserved name', async () => {
    const relay = await start();
    const refused = registerOldClient(relay.as(undefined, { token: 'nobody' }), ignore);
    await expect(refused).rejects.toThrow('the name www is reserved (4001)');
  });

  it('cannot take a name that another one has', async () => {
    const relay = await start();
    const local = await startLocal((_request, response) => response.end('alice'));
    const holder = await startClientP2({ ...relay.as('alice', { token: 'alice' }), localPort: local.port });
    const taken = registerOldClient(relay.as('alice', { token: 'eve' }), ignore);
    await expect(taken).rejects.toThrow('somebody else holds the name alice (4001)');
    expect((await relay.visit('alice', '/').answer).text).toBe('alice');
    expect(holder.ws.readyState).toBe(WebSocket.OPEN);
  });
});

describe('an auth provider', () => {
  it.each([
    ['credential', 'token is spent'],
    ['overloaded', 'auth provider unavailable'],
  ] as const)('that refuses (%s) is quoted with 4001', async (reason, detail) => {
    const authorize: Authorize = () => Promise.resolve({ ok: false, reason, detail });
    const relay = await startOldRelay({ authorize });
    const refused = registerOldClient(relay.as('myapp'), ignore);
    await expect(refused).rejects.toThrow(`Authentication failed: ${detail} (4001)`);
  });

  it('that never ends leaves a client that went away unregistered', async () => {
    let answer: (() => void) | undefined;
    const authorize: Authorize = () =>
      new Promise((resolve) => {
        answer = () => resolve({ ok: true, identity: 'a', name: 'myapp' });
      });
    const relay = await startOldRelay({ authorize });
    const ws = new WebSocket(`ws://127.0.0.1:${relay.port}/_tunnel/register`);
    ws.once('open', () => ws.send('{"token":"x"}'));
    await waitFor(() => answer);
    ws.terminate();
    await waitFor(() => relay.server.stats.pendingLinks === 0);
    answer?.();
    expect((await relay.visit('myapp', '/').answer).status).toBe(404);
  });
});

describe('a short token on an open relay', () => {
  it('takes a name over only from the address that has it', async () => {
    const relay = await startOldRelay();
    const first = await registerOldClient(relay.as('myapp', { token: 'any' }), ignore);
    const stranger = registerFrom('127.0.0.2', relay.port, 'any', 'myapp');
    expect(await stranger).toMatchObject({ code: 4001, reason: 'somebody else holds the name myapp' });
    await registerOldClient(relay.as('myapp', { token: 'any' }), ignore);
    expect((await first.closed).code).toBe(4002);
  });
});

describe('a name that is registered again with the same token', () => {
  it('goes to the new client, and the old one hears 4002 when that serves', async () => {
    const relay = await startOldRelay();
    const before = await startLocal((_request, response) => response.end('old'));
    const after = await startLocal((_request, response) => response.end('new'));
    const old = await startClientP1({ ...relay.as('myapp'), localPort: before.port });
    expect((await relay.visit('myapp', '/').answer).text).toBe('old');
    await startClientP2({ ...relay.as('myapp'), localPort: after.port });
    expect(await old.closed).toEqual({
      code: 4002,
      reason: 'evicted: another client registered with the same tunnel',
    });
    // The old one's end is over by now; the new one must still be there.
    await waitFor(() => relay.server.stats.links === 1);
    expect((await relay.visit('myapp', '/').answer).text).toBe('new');
    expect((await relay.visit('myapp', '/').answer).text).toBe('new');
  });

  it('lets the old client finish what it has', async () => {
    const relay = await startOldRelay();
    let finish: (() => void) | undefined;
    const before = await startLocal((_request, response) => {
      response.write('old ');
      finish = () => response.end('to the end');
    });
    const old = await startClientP2({ ...relay.as('myapp'), localPort: before.port });
    const running = relay.visit('myapp', '/');
    await running.response;
    const next = await registerOldClient(relay.as('myapp'), ignore);
    expect(next.subdomain).toBe('myapp');
    expect(old.ws.readyState).toBe(WebSocket.OPEN);
    finish?.();
    expect((await running.answer).text).toBe('old to the end');
    expect((await old.closed).code).toBe(4002);
  });

  it('ends the old client after 10 s, whatever it still has', async () => {
    const clock = new FakeClock();
    const relay = await startOldRelay({ clock });
    const before = await startLocal((_request, response) => response.write('old '));
    const old = await startClientP2({ ...relay.as('myapp'), localPort: before.port });
    const running = relay.visit('myapp', '/');
    await running.response;
    await registerOldClient(relay.as('myapp'), ignore);
    await clock.advance(10_000);
    expect((await old.closed).code).toBe(4002);
    await expect(running.answer).rejects.toThrow();
    expect(relay.server.tunnels).toHaveLength(1);
  });
});

describe('a relay with clients of mcp-tunnel', () => {
  it('asks silent clients every 5 s, and finds a dead one in under 20 s', async () => {
    const clock = new FakeClock();
    const relay = await startOldRelay({ clock });
    const dead = await registerOldClient(relay.as('dead', { answersPings: false }), ignore);
    const alive = await registerOldClient(relay.as('alive'), ignore);
    let pings = 0;
    alive.ws.on('ping', () => pings++);
    for (let second = 0; second < 19; second++) {
      const seen = pings;
      await clock.advance(1_000);
      if ((second + 1) % 5 === 0) await waitFor(() => pings > seen);
      // The pong has its time on the real socket.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await dead.closed).code).toBe(1006);
    expect(relay.server.tunnels.map(({ name }) => name)).toEqual(['alive']);
    expect(pings).toBeGreaterThanOrEqual(3);
  });

  it('lets them finish when it shuts down, then closes with 1001', async () => {
    const relay = await startOldRelay();
    let finish: (() => void) | undefined;
    const local = await startLocal((_request, response) => {
      response.write('half ');
      finish = () => response.end('whole');
    });
    const client = await startClientP2({ ...relay.as('myapp'), localPort: local.port });
    const running = relay.visit('myapp', '/');
    await running.response;
    const drained = relay.server.drain(5_000);
    finish?.();
    expect((await running.answer).text).toBe('half whole');
    await drained;
    expect((await client.closed).code).toBe(1001);
  });

  it('does not wait for them when they have nothing to finish', async () => {
    const clock = new FakeClock();
    const relay = await startOldRelay({ clock });
    const client = await registerOldClient(relay.as('myapp'), ignore);
    await relay.server.drain(60_000);
    expect((await client.closed).code).toBe(1001);
  });

  it('leaves them where they are when it asks agents to dial again, which they cannot', async () => {
    const relay = await startOldRelay();
    const local = await startLocal((_request, response) => response.end('still here'));
    await startClientP2({ ...relay.as('myapp'), localPort: local.port });
    await relay.server.shed({ reason: 'balance', perSecond: 10 });
    expect((await relay.visit('myapp', '/').answer).text).toBe('still here');
  });
});

/** Registers by hand, from another address of this machine. */
function registerFrom(localAddress: string, port: number, token: string, subdomain: string) {
  return new Promise<{ code: number; reason: string }>((resolve, reject) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/_tunnel/register`, {
      createConnection: () => connect({ host: '127.0.0.1', port, localAddress }),
    });
    onTestFinished(() => ws.terminate());
    ws.once('open', () => ws.send(JSON.stringify({ token, subdomain })));
    ws.once('close', (code, reason) => resolve({ code, reason: String(reason) }));
    ws.once('error', reject);
  });
}
