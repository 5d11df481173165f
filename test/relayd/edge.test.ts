import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { parseNetworks } from '../../src/relayd/settings/networks.ts';
import type { RelayAuth } from '../../src/relayd/settings/relay-settings.ts';
import { parseGrants } from '../../src/relayd/static-tokens.ts';
import { thrownBy } from '../helpers/thrown.ts';
import { connectTo } from '../http1/raw-client.ts';
import { admin, startTestRelay } from './harness.ts';

describe('routing by host', () => {
  it('carries the whole path to the tunnel that the first label names', async () => {
    const relay = await startTestRelay();
    await relay.link('figma');
    const answer = await relay.ask('Figma.Tunnel.Test:8080', '/mcp?x=1');
    expect(JSON.parse(answer.text)).toMatchObject({
      target: '/mcp?x=1',
      peer: { address: '127.0.0.1', scheme: 'http', host: 'Figma.Tunnel.Test:8080' },
    });
  });

  it.each([
    'figma.tunnel.example',
    'figma.evil-tunnel.test',
    'a.figma.tunnel.test',
    'figmatunnel.test',
    'tunnel.test',
    'figma.tunnel.test.evil.example',
  ])('takes %s for no tunnel', async (host) => {
    const relay = await startTestRelay();
    await relay.link('figma');
    expect(await relay.ask(host, '/mcp')).toMatchObject({
      status: 404,
      headers: { 'x-tunneld-relay': 'unknown-tunnel' },
    });
  });

  it('leaves every path of a tunnel to it, also those of OAuth and of links', async () => {
    const relay = await startTestRelay();
    await relay.link('figma');
    for (const path of ['/register', '/.well-known/oauth-authorization-server', '/_tunneld/link']) {
      expect(JSON.parse((await relay.ask('figma.tunnel.test', path)).text)).toMatchObject({ target: path });
    }
  });
});

describe('forwarded addresses', () => {
  const forwarded = { 'x-forwarded-for': '6.6.6.6, 203.0.113.7, 127.0.0.9', 'x-forwarded-proto': 'https' };

  it('count from a proxy that is trusted: the last one that is not a proxy itself', async () => {
    const relay = await startTestRelay({ trustedProxies: parseNetworks(['127.0.0.0/8']) });
    await relay.link('figma');
    const { text } = await relay.ask('figma.tunnel.test', '/', forwarded);
    expect(JSON.parse(text)).toMatchObject({ peer: { address: '203.0.113.7', scheme: 'https' } });
  });

  it('are nobody’s from anybody else', async () => {
    const relay = await startTestRelay();
    await relay.link('figma');
    const { text } = await relay.ask('figma.tunnel.test', '/', forwarded);
    expect(JSON.parse(text)).toMatchObject({ peer: { address: '127.0.0.1', scheme: 'http' } });
  });

  it.each(['10.0.0.0/33', 'example.com', '10.0.0.0/8/8', '::1/129'])('%s is no network', async (entry) => {
    expect((await thrownBy(() => parseNetworks([entry]))).code).toBe('USAGE');
  });
});

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const KEY = 'the-key-of-the-tunnel';

describe("the tunnel's token at the relay's edge", () => {
  const guarded = async () => {
    const relay = await startTestRelay();
    let reached = 0;
    const link = await relay.link('figma', {
      access: { tokens: [{ sha256: sha256(KEY) }], query: false, preflight: false },
      accept: (exchange) => {
        reached++;
        exchange.abort('counted');
      },
    });
    return { relay, link, reached: () => reached };
  };

  it('keeps strangers from the agent', async () => {
    const { relay, reached } = await guarded();
    expect(await relay.ask('figma.tunnel.test', '/mcp')).toMatchObject({
      status: 401,
      headers: { 'x-tunneld-relay': 'no-token', 'www-authenticate': 'Bearer' },
    });
    const wrong = await relay.ask('figma.tunnel.test', '/mcp', { 'x-api-key': 'guess' });
    expect(wrong).toMatchObject({ status: 401, headers: { 'x-tunneld-relay': 'wrong-token' } });
    const query = await relay.ask('figma.tunnel.test', `/mcp?token=${KEY}`);
    expect(query.status).toBe(401);
    const preflight = await relay.ask('figma.tunnel.test', '/mcp', {
      'access-control-request-method': 'POST',
    });
    expect(preflight.status).toBe(401);
    expect(reached()).toBe(0);
  });

  it('tells those who look for OAuth that there is none', async () => {
    const { relay, reached } = await guarded();
    const answer = await relay.ask('figma.tunnel.test', '/.well-known/oauth-protected-resource/mcp');
    expect(answer).toMatchObject({ status: 404, headers: { 'content-type': 'application/json' } });
    expect(reached()).toBe(0);
  });

  it.each([
    ['/mcp', { authorization: `Bearer ${KEY}` }],
    ['/mcp', { 'x-api-key': KEY }],
    ['/mcp', { 'x-tunneld-token': KEY }],
    [`/t/${KEY}/mcp`, {}],
  ])('lets its owner in: %s %j', async (path, headers) => {
    const { relay, reached } = await guarded();
    await relay.ask('figma.tunnel.test', path, headers as Record<string, string>);
    expect(reached()).toBe(1);
  });

  it('changes without a new link when the agent says so', async () => {
    const { relay, link } = await guarded();
    link.setAccess({
      tokens: [{ sha256: sha256('another-key-of-the-tunnel') }],
      query: true,
      preflight: false,
    });
    await expect
      .poll(async () => (await relay.ask('figma.tunnel.test', '/', { 'x-api-key': KEY })).status)
      .toBe(401);
    expect((await relay.ask('figma.tunnel.test', '/?token=another-key-of-the-tunnel')).status).toBe(502);
  });
});

describe('limits', () => {
  const limits = { requestsPerAddress: 0, requestsPerTunnel: 0, connectionsPerAddress: 256 };

  it('of one address count the addresses of an IPv6 network together', async () => {
    const relay = await startTestRelay({
      trustedProxies: parseNetworks(['127.0.0.1']),
      limits: { ...limits, requestsPerAddress: 1 },
    });
    await relay.link('figma');
    const from = async (address: string) =>
      (await relay.ask('figma.tunnel.test', '/', { 'x-forwarded-for': address })).status;
    expect(await from('2001:db8:1:2::1')).toBe(200);
    expect(await from('2001:DB8:1:2:3:4:5:6')).toBe(200);
    expect(await from('2001:db8:1:2:ffff::9')).toBe(429);
    expect(await from('2001:db8:1:3::1')).toBe(200);
  });

  it('are counted where they end what is no request yet', async () => {
    const relay = await startTestRelay({ adminPort: 0 });
    const visitor = connectTo(relay.port);
    visitor.send('GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n');
    await visitor.untilEnd();
    const metrics = await (await fetch(new URL('/metrics', relay.adminUrl))).text();
    expect(metrics).toMatch(/^tunneld_relay_refusals_total\{reason="bad-header-line"\} 1$/m);
  });

  it.each(['requestsPerAddress', 'requestsPerTunnel'])(
    '%s answers 429 and says when to come back',
    async (which) => {
      const relay = await startTestRelay({ limits: { ...limits, [which]: 1 } });
      await relay.link('figma');
      const statuses: number[] = [];
      for (let count = 0; count < 3; count++)
        statuses.push((await relay.ask('figma.tunnel.test', '/')).status);
      expect(statuses).toEqual([200, 200, 429]);
      const { headers } = await relay.ask('figma.tunnel.test', '/');
      expect(headers).toMatchObject({ 'retry-after': '1', 'x-tunneld-relay': 'too-many-requests' });
    },
  );

  it('requestsPerAddress counts what asks for a link, apart from visitors', async () => {
    const asked: string[] = [];
    const auth: RelayAuth = {
      kind: 'static',
      grants: () => {
        asked.push('tokens');
        return parseGrants('alice-token:alice', 'test');
      },
    };
    const relay = await startTestRelay({ auth, limits: { ...limits, requestsPerAddress: 1 } });
    const guess = () => relay.link('alice', { token: new Secret('guess') });
    for (let count = 0; count < 2; count++) await relay.ask('alice.tunnel.test', '/');
    for (let count = 0; count < 2; count++)
      await expect(guess()).rejects.toMatchObject({ code: 'CREDENTIAL_REJECTED' });
    const before = asked.length;
    await expect(guess()).rejects.toMatchObject({ code: 'RELAY_UNREACHABLE', retryable: true });
    expect(asked).toHaveLength(before);
  });

  it('connectionsPerAddress counts links too', async () => {
    const relay = await startTestRelay({ limits: { ...limits, connectionsPerAddress: 1 } });
    const link = await relay.link('figma');
    expect((await relay.ask('figma.tunnel.test', '/')).status).toBe(429);
    await link.close();
    await expect.poll(async () => (await relay.ask('figma.tunnel.test', '/')).status).not.toBe(429);
  });
});

describe('operations', () => {
  it('are told on loopback: alive, ready, tunnels and metrics', async () => {
    const relay = await startTestRelay({ adminPort: 0 });
    const link = await relay.link('figma');
    await relay.ask('figma.tunnel.test', '/');
    const read = async (path: string) => (await fetch(new URL(path, relay.adminUrl))).text();
    expect(JSON.parse(await read('/healthz'))).toMatchObject({ alive: true });
    expect(JSON.parse(await read('/readyz'))).toMatchObject({ ready: true, links: 1 });
    expect((await admin(relay.adminSocket, 'GET', '/tunnels')).body).toMatchObject({
      tunnels: [{ name: 'figma', publicUrl: link.publicUrl.href, streams: 0 }],
    });
    const metrics = await read('/metrics');
    expect(metrics).toContain('tunneld_relay_requests_total{code_class="2xx"} 1');
    expect(metrics).not.toMatch(/NaN|nodejs_eventloop_lag_min/i);
  });

  it('log one line for each request, without what may be secret', async () => {
    const relay = await startTestRelay();
    await relay.link('figma');
    await relay.ask('figma.tunnel.test', '/t/hush/mcp?token=hush');
    await relay.ask('nobody.tunnel.test', '/t/hush/mcp?token=hush');
    await relay.ask('elsewhere.test', '/t/hush/mcp?token=hush');
    const lines = relay.logged().filter(({ kind }) => kind === 'request');
    expect(lines).toMatchObject([
      { tunnel: 'figma', method: 'GET', path: '/t/***/mcp', status: 200, client: '127.0.0.1' },
      { tunnel: 'nobody', status: 404, reason: 'unknown-tunnel' },
      { status: 404 },
    ]);
    expect(JSON.stringify(relay.logged())).not.toContain('hush');
  });

  it('have no token in the log where a client looks for OAuth, or mistyped the address', async () => {
    const relay = await startTestRelay();
    await relay.link('figma');
    await relay.ask('figma.tunnel.test', '/.well-known/oauth-protected-resource/t/hush/mcp');
    const byPath = await startTestRelay({ routing: 'path' });
    await byPath.link('figma');
    await byPath.ask('tunnel.test', '/.well-known/oauth-authorization-server/figma/t/hush/mcp');
    for (const path of ['/t/hush/mcp', '/t/hush', '/t/hush/.well-known/openid-configuration']) {
      await byPath.ask('tunnel.test', path);
    }
    const lines = [relay, byPath].flatMap((it) => it.logged().filter(({ kind }) => kind === 'request'));
    expect(lines.map(({ path }) => path)).toEqual([
      '/.well-known/oauth-protected-resource/t/***/mcp',
      '/.well-known/oauth-authorization-server/t/***/mcp',
      '/t',
      '/t',
      '/t',
    ]);
    expect(JSON.stringify(lines)).not.toContain('hush');
  });

  it('have no token in the log, wherever in an address somebody put it', async () => {
    const own = `tnl_${'aB3-x_9Z'.repeat(5)}`;
    const chosen = 'correct horse battery';
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const tokens = [own, chosen].map((token) => ({ sha256: sha256(token) }));
    const access = { tokens, query: false, preflight: false };
    const relay = await startTestRelay({ routing: 'path' });
    await relay.link('alice', { access });
    for (const token of [own, encodeURIComponent(chosen)]) {
      for (const place of [
        '/alice/mcp/t/',
        '/alice/T/',
        '/alice/%74/',
        '/alice/',
        '/',
        '/T/',
        '/nobody/x/',
        '/mcp/',
      ]) {
        await relay.ask('tunnel.test', `${place}${token}`);
        await relay.ask('tunnel.test', `${place}${token}/mcp`);
      }
    }
    for (const tail of [
      `mcp&token=${own}`,
      `mcp;token=${own}`,
      `mcp%3Ftoken=${own}`,
      `x${own}`,
      `?token=${own}`,
    ]) {
      await relay.ask('tunnel.test', `/alice/${tail}`);
    }
    // A token may look like a name.
    await relay.ask('tunnel.test', `/${'0f'.repeat(20)}/mcp`);
    const lines = relay.logged().filter(({ kind }) => kind === 'request');
    expect(lines).toHaveLength(38);
    expect(JSON.stringify(lines)).not.toMatch(/aB3-x|horse|0f0f/);
    expect(lines[0]).toMatchObject({ tunnel: 'alice', path: '/mcp/t/***', status: 401 });
  });

  it('end by telling the agents to dial again', async () => {
    const relay = await startTestRelay();
    const link = await relay.link('figma');
    await relay.stop();
    expect(await link.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'SESSION_LOST', message: expect.stringContaining('shutting down') },
    });
  });
});
