import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { Tunnel } from '../../src/daemon/tunnel.ts';
import { RelayProvider } from '../../src/providers/relay/relay-provider.ts';
import { authorizeWithSecret } from '../../src/relay/edge/authorization.ts';
import { RelayServer } from '../../src/relay/edge/relay-server.ts';
import { FaultProxy } from '../helpers/fault-proxy.ts';
import { startDualEra, type TestServer } from '../helpers/mcp-servers.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';

const TOKEN = 'a-token-of-this-test-0123456789';

let upstream: TestServer;
let relay: RelayServer;
let network: FaultProxy;
let tunnel: Tunnel;

// Not the built daemon: nobody can cut a connection inside another process. These are its parts, with
// a network between agent and relay that the test can break.
beforeEach(async () => {
  upstream = await startDualEra();
  const secret = new Secret('the-secret-of-this-relay');
  relay = new RelayServer({
    host: '127.0.0.1',
    port: 0,
    routing: { kind: 'path' },
    authorize: authorizeWithSecret(secret),
    clock: systemClock,
    log: quiet,
  });
  const { port } = await relay.listen();
  network = await FaultProxy.listen({ host: '127.0.0.1', port });
  const relayUrl = () => new URL(`http://127.0.0.1:${network.port}`);
  const config = parseTunnelSpec('figma', { port: upstream.port, access: { token: TOKEN } });
  tunnel = new Tunnel(
    'figma',
    { config, source: 'cli', desired: 'up', tokens: [] },
    {
      instance: 'test',
      env: {},
      clock: systemClock,
      random: Math.random,
      log: quiet,
      provider: async () => ({
        way: 'in-process',
        checksTokens: false,
        provider: new RelayProvider({
          relayUrl,
          token: secret,
          publicHosts: ['127.0.0.1'],
          clock: systemClock,
        }),
      }),
      online: () => true,
      drainMs: 0,
      clean: (text) => text,
      onSecret: () => {},
      owner: { instance: 'test', place: 'here', key: new Secret('owner') },
      lastGatewayPort: () => undefined,
      onGatewayPort: () => {},
      onChange: () => {},
    },
  );
  await tunnel.apply(tunnel.definition, 'the test began');
  await waitFor(() => tunnel.status.state === 'up');
});

afterEach(async () => {
  await tunnel.close('the test is over');
  await network.close();
  await relay.close();
  await upstream.stop();
});

test.each(['rst', 'fin'] as const)(
  'a relay connection cut by %s is back under the same URL in under 2 s',
  async (how) => {
    const url = tunnel.status.mcpUrl;
    expect(await ping(url)).toBe(200);
    const generation = tunnel.status.session?.generation ?? 0;

    const cutAt = performance.now();
    network.cut(how);
    await waitFor(() => tunnel.status.session?.generation === generation + 1, { what: 'the next session' });
    expect(await ping(url)).toBe(200);
    expect(performance.now() - cutAt).toBeLessThan(2_000);
    expect(tunnel.status.mcpUrl).toBe(url);
  },
);

test('a caller who comes while the connection is cut is answered when it is back', async () => {
  const url = tunnel.status.mcpUrl;
  network.cut();
  const started = performance.now();
  expect(await ping(url)).toBe(200);
  expect(performance.now() - started).toBeLessThan(2_000);
});

async function ping(url: string | undefined): Promise<number> {
  const answer = await fetch(String(url), {
    method: 'POST',
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  });
  await answer.text();
  return answer.status;
}
