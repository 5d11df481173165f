import { BlockList } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { type RedirectOptions, RedirectServer } from '../../src/relayd/redirect-server.ts';
import { parseNetworks } from '../../src/relayd/settings/networks.ts';
import { quiet } from '../helpers/quiet.ts';
import { RawClient } from '../http1/raw-client.ts';

async function startRedirect(options: Partial<RedirectOptions> = {}) {
  const server = new RedirectServer({
    publicUrl: new URL('https://tunnel.test'),
    routing: 'host',
    trustedProxies: new BlockList(),
    proxyProtocol: false,
    limits: { requestsPerAddress: 0, connectionsPerAddress: 256 },
    challengeAnswer: (host, token) => (token === 'asked-for' ? `${token} of ${host}` : undefined),
    clock: systemClock,
    log: quiet,
    ...options,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  return Object.assign(visit, { server });

  async function visit(host: string, target = '/', method = 'GET') {
    const client = new RawClient(port);
    client.send(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const text = await client.untilEnd();
    await client.close();
    const [head = '', body = ''] = text.split('\r\n\r\n');
    return { status: Number(head.slice(9, 12)), location: /^location: (.*)$/im.exec(head)?.[1], body };
  }
}

describe('the listener without TLS', () => {
  it.each([
    ['tunnel.test', '/', 'https://tunnel.test/'],
    ['tunnel.test:80', '/a?b=c', 'https://tunnel.test/a?b=c'],
    ['Figma.Tunnel.test', '/mcp', 'https://figma.tunnel.test/mcp'],
    ['figma.tunnel.test', '//evil.example/x', 'https://figma.tunnel.test//evil.example/x'],
    ['figma.tunnel.test', 'http://figma.tunnel.test/x', 'https://figma.tunnel.test/x'],
  ])('sends visitors of %s%s to %s', async (host, target, location) => {
    const ask = await startRedirect();
    expect(await ask(host, target)).toMatchObject({ status: 308, location });
    expect(await ask(host, target, 'POST')).toMatchObject({ status: 308, location });
  });

  it('names the port where it is not the usual one', async () => {
    const ask = await startRedirect({ publicUrl: new URL('https://tunnel.test:8443') });
    expect(await ask('a.tunnel.test')).toMatchObject({ location: 'https://a.tunnel.test:8443/' });
  });

  it.each([
    'evil.example',
    'a.b.tunnel.test',
    'tunnel.test.evil.example',
    'eviltunnel.test',
    '127.0.0.1',
    '-.tunnel.test',
  ])('sends nobody to %s', async (host) => {
    const ask = await startRedirect();
    expect(await ask(host)).toMatchObject({ status: 404, location: undefined });
  });

  it('has no names in front of the domain where tunnels are found by path', async () => {
    const ask = await startRedirect({ routing: 'path' });
    expect(await ask('a.tunnel.test')).toMatchObject({ status: 404 });
    expect(await ask('tunnel.test', '/a/mcp')).toMatchObject({ location: 'https://tunnel.test/a/mcp' });
  });

  it('refuses a target that is no path', async () => {
    const ask = await startRedirect();
    expect(await ask('tunnel.test', '*', 'OPTIONS')).toMatchObject({ status: 404, location: undefined });
    expect(await ask('tunnel.test', 'http://evil.example/')).toMatchObject({ status: 400 });
  });

  it('answers what a certificate authority asks, without a redirect', async () => {
    const ask = await startRedirect();
    const path = '/.well-known/acme-challenge';
    expect(await ask('a.tunnel.test', `${path}/asked-for`)).toMatchObject({
      status: 200,
      body: 'asked-for of a.tunnel.test',
    });
    expect(await ask('a.tunnel.test', `${path}/guessed`)).toMatchObject({ status: 404, location: undefined });
    expect(await ask('evil.example', `${path}/asked-for`)).toMatchObject({ status: 404 });
  });

  it('holds an address to its requests and connections', async () => {
    const ask = await startRedirect({ limits: { requestsPerAddress: 1, connectionsPerAddress: 256 } });
    const statuses = [await ask('tunnel.test'), await ask('tunnel.test'), await ask('tunnel.test')];
    expect(statuses.map(({ status }) => status)).toEqual([308, 308, 429]);
    const lonely = await startRedirect({ limits: { requestsPerAddress: 0, connectionsPerAddress: 0 } });
    expect((await lonely('tunnel.test')).status).toBe(429);
  });

  it('is held to other limits from a reload on', async () => {
    const ask = await startRedirect();
    expect((await ask('tunnel.test')).status).toBe(308);
    ask.server.reconfigure({ requestsPerAddress: 0, connectionsPerAddress: 0 }, new BlockList());
    expect((await ask('tunnel.test')).status).toBe(429);
    ask.server.reconfigure({ requestsPerAddress: 0, connectionsPerAddress: 0 }, parseNetworks(['127.0.0.1']));
    expect((await ask('tunnel.test')).status).toBe(308);
  });
});
