import { createHash } from 'node:crypto';
import http from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { RequestEvent } from '../../src/core/request-event.ts';
import { Secret } from '../../src/core/secret.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import type { ProbeMode } from '../../src/health/dialects/speak.ts';
import { NetworkLegs } from '../../src/health/legs.ts';
import { listen, startEverything, startModernOnly, type TestServer } from '../helpers/mcp-servers.ts';
import { quiet } from '../helpers/quiet.ts';
import { legsOptions, never } from './fixtures.ts';

const TOKEN = 'tunnel-token';

/** The gateway puts up the markers, the probes read them: neither knows the other's code. */
describe('probes through the real gateway', () => {
  let server: TestServer;
  let gateway: Gateway;
  let publicUrl: URL;
  let events: RequestEvent[];

  beforeEach(async () => {
    server = await startModernOnly();
    await openGateway(server);
  });

  afterEach(async () => {
    await gateway.close();
    await server.stop();
  });

  async function openGateway(upstream: TestServer): Promise<void> {
    const { instance, probeKey } = legsOptions(upstream.url);
    events = [];
    gateway = new Gateway({
      tunnel: 'test',
      instance,
      upstream: {
        protocol: 'http:',
        host: '127.0.0.1',
        port: upstream.port,
        hostHeader: `localhost:${upstream.port}`,
      },
      access: { insecurePublic: false, queryToken: false, origins: [] },
      probeKey,
      limits: { concurrency: 16, connections: 16, firstByteTimeoutMs: 10_000, idleTimeoutMs: 10_000 },
      sseKeepAliveMs: 15_000,
      clock: systemClock,
      log: quiet,
      onRequest: (event) => events.push(event),
    });
    gateway.setTokens([{ id: 'a', sha256: createHash('sha256').update(TOKEN).digest('hex') }]);
    publicUrl = await gateway.listen();
  }

  it.each(['auto', 'discover', 'http', 'tcp'] as const)('are answered in %s mode', async (mode) => {
    const legs = new NetworkLegs(legsOptions(server.url, { mode }));
    expect(await legs.public(publicUrl, never)).toMatchObject({ finding: 'ok' });
    expect(events.map(({ probe }) => probe)).toEqual([true]);
    await legs.close();
  });

  it.each([
    ['streamableHttp', 'auto', 'legacy'],
    ['streamableHttp', 'initialize', 'legacy'],
    ['sse', 'auto', 'legacy-sse'],
  ] as const)('are answered by server-everything (%s, %s)', async (transport, mode: ProbeMode, era) => {
    await gateway.close();
    await using everything = await startEverything({ transport });
    await openGateway(everything);
    const legs = new NetworkLegs(legsOptions(everything.url, { mode }));
    expect(await legs.local(never)).toMatchObject({ finding: 'ok', era });
    expect(await legs.public(publicUrl, never)).toMatchObject({ finding: 'ok', basis: 'marker' });
    await legs.close();
  });

  it('need no server: the way to us is proven without it', async () => {
    await server.stop();
    const legs = new NetworkLegs(legsOptions(server.url));
    expect(await legs.public(publicUrl, never)).toMatchObject({ finding: 'ok', basis: 'marker' });
    await legs.close();
  });

  it('find out whether an event stream comes through', async () => {
    const legs = new NetworkLegs(legsOptions(server.url));
    expect(await legs.public(publicUrl, never, true)).toMatchObject({ finding: 'ok', basis: 'marker' });
    expect(server.requests).toEqual([]);
    await legs.close();
  });

  it('see a rotated token as such', async () => {
    const legs = new NetworkLegs(legsOptions(server.url, { token: () => new Secret('old-token') }));
    expect(await legs.public(publicUrl, never)).toMatchObject({ finding: 'token-refused' });
    await legs.close();
  });

  it('see a provider that changes the Host as such', async () => {
    await using provider = await listen((request, response) => {
      const { method, url, headers } = request;
      const onward = http.request(new URL(url ?? '/', publicUrl), {
        method,
        headers: { ...headers, host: 'elsewhere.example' },
      });
      onward.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onward);
    });
    const url = new URL(`http://127.0.0.1:${provider.port}`);
    gateway.setPublicUrl(url);
    const legs = new NetworkLegs(legsOptions(server.url));
    expect(await legs.public(url, never)).toMatchObject({
      finding: 'gateway-refused',
      detail: 'the gateway refuses what arrives (403, host)',
    });
    await legs.close();
  });

  it('are refused without a token, and the server hears nothing of it', async () => {
    const legs = new NetworkLegs(legsOptions(server.url));
    expect(await legs.exposure(publicUrl, never)).toBe('refused');
    expect(server.requests).toEqual([]);
    await legs.close();
  });

  it('find a gateway that lets everybody in exposed', async () => {
    gateway.setTokens([]);
    const open = new Gateway({
      ...gateway.options,
      access: { ...gateway.options.access, insecurePublic: true },
    });
    const legs = new NetworkLegs(legsOptions(server.url));
    expect(await legs.exposure(await open.listen(), never)).toBe('exposed');
    await legs.close();
    await open.close();
  });
});
