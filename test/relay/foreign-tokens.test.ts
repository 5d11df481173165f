import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { EdgeAccess } from '../../src/access/edge-access.ts';
import { say, startRelay } from './relay-harness.ts';

const TOKEN = 'tnl_the-token-of-alice';

function access(token: string): EdgeAccess {
  return {
    tokens: [{ sha256: createHash('sha256').update(token).digest('hex') }],
    query: true,
    preflight: true,
  };
}

async function startPair(bob: { readonly token?: string; readonly access?: EdgeAccess } = {}) {
  const relay = await startRelay({ enforceAccess: true });
  const reached: string[] = [];
  await relay.link('alice', say('alice'), { access: access(TOKEN) });
  await relay.link(
    'bob',
    (exchange) => {
      reached.push(exchange.request.target);
      say('bob')(exchange);
    },
    { token: 'bob', ...bob },
  );
  const ask = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
    const { status } = await fetch(`${relay.url}${path}`, { method, headers });
    return status;
  };
  return { relay, reached, ask };
}

describe('a token of one owner', () => {
  it.each([
    ['Authorization', '/bob/mcp', { authorization: `Bearer ${TOKEN}` }],
    ['X-Tunneld-Token', '/bob/mcp', { 'x-tunneld-token': TOKEN }],
    ['X-API-Key', '/bob/mcp', { 'x-api-key': TOKEN }],
    ['the path', `/bob/t/${TOKEN}/mcp`, {}],
    ['the query', `/bob/mcp?a=1&token=${TOKEN}`, {}],
  ])('does not reach the open tunnel of another: in %s', async (_where, path, headers) => {
    const { ask, reached } = await startPair();
    expect(await ask('/alice/mcp', { authorization: `Bearer ${TOKEN}` })).toBe(200);
    expect(await ask(path, headers)).toBe(403);
    expect(reached).toEqual([]);
    expect(await ask('/bob/mcp', { authorization: 'Bearer bob-has-a-login-of-his-own' })).toBe(200);
  });

  it('does not reach a guarded tunnel either, disguised as a preflight', async () => {
    const { ask, reached } = await startPair({ access: { tokens: [], query: false, preflight: true } });
    const preflight = { 'access-control-request-method': 'POST', origin: 'https://a.example' };
    expect(await ask('/bob/mcp', { ...preflight, authorization: `Bearer ${TOKEN}` }, 'OPTIONS')).toBe(403);
    expect(await ask('/bob/mcp', { authorization: `Bearer ${TOKEN}` })).toBe(401);
    expect(reached).toEqual([]);
    expect(await ask('/bob/mcp', preflight, 'OPTIONS')).toBe(200);
  });

  it('opens his own tunnels as it did, whether they ask for it or not', async () => {
    const { relay, ask } = await startPair({ token: 'alice' });
    expect(await ask('/bob/mcp', { authorization: `Bearer ${TOKEN}` })).toBe(200);
    await relay.link('more', say('more'), { access: access(TOKEN) });
    expect(await ask('/more/mcp', { authorization: `Bearer ${TOKEN}` })).toBe(200);
  });

  it('is forgotten with the last tunnel that has it', async () => {
    const relay = await startRelay({ enforceAccess: true });
    const first = await relay.link('one', say('one'), { access: access(TOKEN) });
    const second = await relay.link('two', say('two'), { access: access(TOKEN) });
    await relay.link('bob', say('bob'), { token: 'bob' });
    const ask = async () =>
      (await fetch(`${relay.url}/bob/`, { headers: { authorization: `Bearer ${TOKEN}` } })).status;
    expect(await ask()).toBe(403);
    await first.close();
    expect(await ask()).toBe(403);
    await second.close();
    await expect.poll(ask).toBe(200);
  });

  it('is the new one after a rotation', async () => {
    const relay = await startRelay({ enforceAccess: true });
    const alice = await relay.link('alice', say('alice'), { access: access(TOKEN) });
    await relay.link('bob', say('bob'), { token: 'bob' });
    const ask = async (token: string) =>
      (await fetch(`${relay.url}/bob/`, { headers: { authorization: `Bearer ${token}` } })).status;
    alice.setAccess(access('tnl_another-token-now'));
    await expect.poll(() => ask('tnl_another-token-now')).toBe(403);
    expect(await ask(TOKEN)).toBe(200);
  });
});

it('an agent that told of no tokens is called open, and one that did is not', async () => {
  const { relay } = await startPair();
  expect(relay.server.tunnels.map(({ name, access: of }) => [name, of])).toEqual([
    ['alice', 'token'],
    ['bob', 'open'],
  ]);
});
