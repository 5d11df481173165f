import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { Secret } from '../../../src/core/secret.ts';
import { RelayProvider } from '../../../src/providers/relay/relay-provider.ts';
import { proxyFor } from '../../../src/relay/agent/proxy-route.ts';
import { makeAuthority } from '../../helpers/certificate.ts';
import { freePort } from '../../helpers/free-port.ts';
import { quiet } from '../../helpers/quiet.ts';
import { thrownBy } from '../../helpers/thrown.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { say, startRelay } from '../relay-harness.ts';

/** A proxy that leads every CONNECT to `port`. */
async function startProxy(port: number, login?: string) {
  const asked: { target: string | undefined; login: string | undefined }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer().on('connect', (request, near: Socket) => {
    asked.push({ target: request.url, login: request.headers['proxy-authorization'] });
    near.on('error', () => {});
    if (login !== undefined && request.headers['proxy-authorization'] !== login) {
      near.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const far = connect(port, '127.0.0.1');
    far.on('error', () => near.destroy());
    near.on('close', () => far.destroy());
    near.write('HTTP/1.1 200 Connection established\r\n\r\n');
    near.pipe(far).pipe(near);
  });
  server.on('connection', (socket: Socket) => void sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { at: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function agent(env: NodeJS.ProcessEnv, relayUrl = 'http://relay.test:8080') {
  const provider = new RelayProvider({
    relayUrl: () => new URL(relayUrl),
    token: new Secret('s3cret'),
    publicHosts: ['127.0.0.1'],
    env,
    clock: systemClock,
  });
  const request = { way: 'in-process', name: 'figma', accept: say('through') } as const;
  return {
    async open() {
      const session = await provider.open(request, { signal: new AbortController().signal, log: quiet });
      onTestFinished(() => session.close());
      return session;
    },
    findings: () => provider.diagnose(request),
  };
}

describe('an agent whose environment names a proxy', () => {
  it('reaches its relay through it, and doctor says so', async () => {
    const relay = await startRelay();
    const proxy = await startProxy(relay.port);
    const { open, findings } = agent({ HTTP_PROXY: `http://${proxy.at}` });
    const session = await open();
    const big = 'x'.repeat(300_000);
    const answer = await fetch(`${relay.url}/figma/`, { method: 'POST', body: big });
    expect(await answer.text()).toBe('through');
    expect(proxy.asked).toEqual([{ target: 'relay.test:8080', login: undefined }]);
    expect(await findings()).toContainEqual({
      name: 'proxy',
      ok: true,
      detail: `the way to relay.test:8080 leads through ${proxy.at} (HTTP_PROXY)`,
      remedy: '',
    });
    await session.close();
    await waitFor(() => relay.server.stats.links === 0);
  });

  it('logs in there, and tells nobody else how', async () => {
    const relay = await startRelay();
    const login = `Basic ${Buffer.from('ann:p@ss').toString('base64')}`;
    const proxy = await startProxy(relay.port, login);
    await agent({ http_proxy: `http://ann:p%40ss@${proxy.at}` }).open();
    const failure = await thrownBy(() => agent({ http_proxy: `http://ann:wrong@${proxy.at}` }).open());
    expect(failure).toMatchObject({ code: 'RELAY_PROXY', retryable: true });
    expect(failure.message).toContain('it answered 407');
    expect(failure.remedy).toContain('http_proxy');
    expect(JSON.stringify(failure) + String(failure) + failure.remedy).not.toContain('wrong');
  });

  it('checks the certificate of the relay itself, whatever is between', async () => {
    const server = createTlsServer(makeAuthority().issue(), () => {}).on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const proxy = await startProxy((server.address() as AddressInfo).port);
    const failure = await thrownBy(() => agent({ HTTPS_PROXY: proxy.at }, 'https://relay.test').open());
    expect(failure.code).toBe('RELAY_CERTIFICATE');
    expect(proxy.asked[0]?.target).toBe('relay.test:443');
  });

  it('hears that the proxy is not there, and so does doctor', async () => {
    const at = `127.0.0.1:${await freePort()}`;
    const { open, findings } = agent({ HTTP_PROXY: at });
    const failure = await thrownBy(open);
    expect(failure).toMatchObject({ code: 'RELAY_PROXY' });
    expect(failure.message).toContain(`The proxy ${at} (HTTP_PROXY) cannot be reached: ECONNREFUSED`);
    expect(await findings()).toContainEqual(
      expect.objectContaining({ name: 'proxy', ok: false, detail: expect.stringContaining('ECONNREFUSED') }),
    );
  });
});

describe('the proxy for an address', () => {
  it.each([
    ['https://relay.test', { HTTPS_PROXY: 'http://p:1' }, 'p:1'],
    ['wss://relay.test', { HTTPS_PROXY: 'p:1' }, 'p:1'],
    ['https://relay.test', { HTTP_PROXY: 'http://p:1' }, undefined],
    ['http://relay.test', { HTTP_PROXY: 'http://p:1' }, 'p:1'],
    ['http://relay.test', { http_proxy: 'http://low:1', HTTP_PROXY: 'http://up:1' }, 'low:1'],
    ['https://relay.test', { ALL_PROXY: 'http://p:1' }, 'p:1'],
    ['https://relay.test', { HTTPS_PROXY: '' }, undefined],
    ['http://127.0.0.1:7575', { HTTP_PROXY: 'http://p:1' }, undefined],
    ['http://localhost:7575', { ALL_PROXY: 'http://p:1' }, undefined],
    ['https://relay.test', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'relay.test' }, undefined],
    ['https://a.relay.test', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'x, .relay.test' }, undefined],
    ['https://arelay.test', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'relay.test' }, 'p:1'],
    ['https://relay.test', { HTTPS_PROXY: 'http://p:1', no_proxy: '*' }, undefined],
    ['https://relay.test:8443', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'relay.test:443' }, 'p:1'],
    ['https://relay.test', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'relay.test:443' }, undefined],
  ] as [string, NodeJS.ProcessEnv, string | undefined][])('%s with %j is %s', (target, env, proxy) => {
    expect(proxyFor(new URL(target), env)?.url.host).toBe(proxy);
  });

  it('is refused where it is of a kind nobody here speaks, without its password', async () => {
    const failure = await thrownBy(() =>
      proxyFor(new URL('https://relay.test'), { HTTPS_PROXY: 'socks5://ann:hidden@p:1' }),
    );
    expect(failure).toMatchObject({ code: 'RELAY_PROXY' });
    expect(String(failure) + failure.remedy).not.toContain('hidden');
  });
});
