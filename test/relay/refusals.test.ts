import { describe, expect, it, onTestFinished } from 'vitest';
import { addressKey } from '../../src/relay/edge/address-key.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { FaultProxy } from '../helpers/fault-proxy.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { connectTo } from '../http1/raw-client.ts';
import { openGateway, openTunnel, say, startRelay } from './relay-harness.ts';

const HOST = 'Host: figma.relay.test\r\n';
const JSON_POST = `POST /mcp HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n`;

describe('what the relay refuses', () => {
  /** The answer to a JSON post, and to a plain GET. */
  const both = async (port: number, more = '', host = 'figma.relay.test') => {
    const ask = (request: string) => {
      const client = connectTo(port);
      client.send(request);
      return client.untilEnd();
    };
    const common = `Host: ${host}\r\nConnection: close\r\n${more}`;
    return {
      rpc: await ask(
        `POST /mcp HTTP/1.1\r\n${common}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
      ),
      plain: await ask(`GET /mcp HTTP/1.1\r\n${common}\r\n`),
    };
  };
  const bodyOf = (text: string): unknown => JSON.parse(text.slice(text.indexOf('\r\n\r\n')));
  const rpcError = (reason: string) => ({
    jsonrpc: '2.0',
    id: null,
    error: { data: { tunneld: { reason } } },
  });

  it('is said in JSON-RPC to whoever posts it, and in JSON to others: an unknown name', async () => {
    const relay = await startRelay({ byHost: true });
    const { rpc, plain } = await both(relay.port, '', 'nobody.relay.test');
    expect(rpc).toMatch(/^HTTP\/1\.1 404 /);
    expect(bodyOf(rpc)).toMatchObject(rpcError('unknown-tunnel'));
    expect(bodyOf(plain)).toEqual({ error: 'unknown-tunnel', error_description: 'No tunnel has this name.' });
  });

  it('a tunnel that was lost a moment ago, after 2 s', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ byHost: true, clock });
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    await relay.link('figma', say('before'), { port: proxy.port });
    proxy.cut();
    await waitFor(() => relay.server.stats.links === 0);
    const waiting = connectTo(relay.port);
    waiting.send(`${JSON_POST}Content-Length: 2\r\n\r\n{}`);
    await waitFor(() => relay.server.stats.connections === 1);
    await clock.advance(1_900);
    expect(waiting.received).toBe('');
    await clock.advance(200);
    const text = await waiting.until('}}');
    expect(text).toMatch(/^HTTP\/1\.1 503 .*Retry-After: 2\r\n/s);
    expect(bodyOf(text)).toMatchObject(rpcError('tunnel-offline'));
  });

  it('the OAuth metadata of a tunnel that was lost a moment ago is not said to be missing', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    await relay.link('figma', say('metadata'), { port: proxy.port });
    proxy.cut();
    await waitFor(() => relay.server.stats.links === 0);
    const visitor = connectTo(relay.port);
    visitor.send('GET /.well-known/oauth-protected-resource/figma/mcp HTTP/1.1\r\nHost: a\r\n\r\n');
    await waitFor(() => relay.server.stats.connections === 1);
    await relay.link('figma', say('metadata'));
    expect(await visitor.until('metadata')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('one request too many in the tunnel', async () => {
    const { relay, visitor } = await openTunnel(() => {}, { limits: { streamsPerLink: 1 } });
    visitor.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await waitFor(() => relay.server.stats.streams === 1);
    const { rpc, plain } = await both(relay.port);
    expect(rpc).toMatch(/^HTTP\/1\.1 503 .*Retry-After: 1\r\n/s);
    expect(bodyOf(rpc)).toMatchObject(rpcError('tunnel-busy'));
    expect(bodyOf(plain)).toMatchObject({ error: 'tunnel-busy' });
  });

  it('one request too many a second', async () => {
    const { relay } = await openTunnel(say('fine'), { limits: { requestsPerAddress: 1 } });
    await both(relay.port);
    const { rpc, plain } = await both(relay.port);
    expect(rpc).toMatch(/^HTTP\/1\.1 429 .*Retry-After: 1\r\n/s);
    expect(bodyOf(rpc)).toMatchObject(rpcError('too-many-requests'));
    expect(bodyOf(plain)).toMatchObject({ error: 'too-many-requests' });
  });

  it('one connection too many of an address', async () => {
    const { relay } = await openTunnel(say('fine'), { limits: { connectionsPerAddress: 2 } });
    const text = await connectTo(relay.port).untilEnd();
    expect(text).toMatch(/^HTTP\/1\.1 429 .*Retry-After: 1\r\n/s);
    expect(bodyOf(text)).toMatchObject(rpcError('too-many-connections'));
  });

  it('an agent that gives up before it answered', async () => {
    const { relay } = await openTunnel((exchange) => exchange.abort('gone'));
    const { rpc, plain } = await both(relay.port);
    expect(rpc).toMatch(/^HTTP\/1\.1 502 /);
    expect(bodyOf(rpc)).toMatchObject(rpcError('no-answer'));
    expect(bodyOf(plain)).toMatchObject({ error: 'no-answer' });
  });

  it('a stranger, in the words of OAuth whatever it posts, as the gateway does', async () => {
    const relay = await startRelay({ byHost: true, enforceAccess: true });
    const gateway = openGateway(1, { insecurePublic: false, origins: ['https://app.example.com'] });
    const origins = ['https://app.example.com'];
    const access = { tokens: [], query: false, preflight: true, origins };
    await relay.link('figma', (exchange) => gateway.accept(exchange), { access });
    const port = Number((await gateway.listen()).port);
    const ofTheGateway = connectTo(port);
    ofTheGateway.send(
      `GET /mcp HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-API-Key: x\r\nConnection: close\r\n\r\n`,
    );

    const { rpc, plain } = await both(relay.port, 'X-API-Key: x\r\nOrigin: https://app.example.com\r\n');
    for (const text of [rpc, plain]) {
      expect(text).toMatch(/^HTTP\/1\.1 401 .*WWW-Authenticate: Bearer error="invalid_token"\r\n/s);
      expect(text).toContain('Access-Control-Allow-Origin: https://app.example.com\r\n');
      expect(text).toContain('x-tunneld-relay: wrong-token\r\n');
    }
    expect(bodyOf(plain)).toMatchObject({ error: 'unauthorized' });
    const theirs = await ofTheGateway.untilEnd();
    expect(bodyOf(plain)).toEqual(bodyOf(theirs));
    expect(bodyOf(rpc)).toEqual(bodyOf(theirs));
  });

  it('pages that are not listed learn nothing of it', async () => {
    const relay = await startRelay({ byHost: true, enforceAccess: true });
    const access = { tokens: [], query: false, preflight: true, origins: ['https://app.example.com'] };
    await relay.link('figma', say('never'), { access });
    const { plain } = await both(relay.port, 'Origin: https://evil.example\r\n');
    expect(plain).toMatch(/^HTTP\/1\.1 401 (?!.*Access-Control)/s);
  });
});

describe('a preflight, which has no token', () => {
  it.each([
    ['https://app.example.com', ['https://App.example.com'], '200'],
    ['https://evil.example', ['https://app.example.com'], '401'],
    ['https://anybody.example', undefined, '200'],
  ])('of %s, where %j may call, gets %s', async (origin, origins, status) => {
    const relay = await startRelay({ byHost: true, enforceAccess: true });
    const access = { tokens: [], query: false, preflight: true, ...(origins && { origins }) };
    await relay.link('figma', say('the gateway'), { access });
    const visitor = connectTo(relay.port);
    visitor.send(
      `OPTIONS /mcp HTTP/1.1\r\n${HOST}Origin: ${origin}\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n`,
    );
    expect(await visitor.untilEnd()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });
});

describe('what the limits of one address count together', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2::7', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:0:0:0:1', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['no address', 'no address'],
  ])('%s is of %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
