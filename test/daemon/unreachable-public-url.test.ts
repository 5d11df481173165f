import { request as httpRequest } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { Tunnel } from '../../src/daemon/tunnel.ts';
import { RelayProvider } from '../../src/providers/relay/relay-provider.ts';
import { authorizeWithSecret } from '../../src/relay/edge/authorization.ts';
import { RelayServer } from '../../src/relay/edge/relay-server.ts';
import { freePort } from '../helpers/free-port.ts';
import { quiet } from '../helpers/quiet.ts';
import { startStreamingUpstream } from '../helpers/streaming-upstream.ts';
import { waitFor } from '../helpers/wait-for.ts';

const TOKEN = 'a-token-of-this-test-0123456789';
/** `TUNNELD_TEST_SECONDS=600 npx vitest run test/daemon/unreachable-public-url.test.ts` is the long form. */
const SECONDS = Number(process.env['TUNNELD_TEST_SECONDS'] ?? 20);

/**
 * A machine whose public URL leads nowhere from itself (no hairpin, split DNS), while visitors get through:
 * they know the port where the relay really listens.
 */
test('a tunnel that its own machine cannot reach is left in peace while visitors can', {
  timeout: SECONDS * 1_000 + 60_000,
}, async () => {
  const upstream = await startStreamingUpstream();
  onTestFinished(() => upstream.close());
  const nowhere = await freePort();
  const secret = new Secret('the-secret-of-this-relay');
  const relay = new RelayServer({
    host: '127.0.0.1',
    port: 0,
    routing: { kind: 'path' },
    publicUrl: new URL(`http://127.0.0.1:${nowhere}`),
    authorize: authorizeWithSecret(secret),
    enforceAccess: true,
    clock: systemClock,
    log: quiet,
  });
  const { port } = await relay.listen();
  onTestFinished(() => relay.close());
  const config = parseTunnelSpec('figma', {
    port: upstream.port,
    access: { token: TOKEN },
    health: { schedule: '* * * * * *' },
  });
  const tunnel = new Tunnel(
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
          relayUrl: () => new URL(`http://127.0.0.1:${port}`),
          token: secret,
          publicHosts: [`127.0.0.1:${nowhere}`],
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
  onTestFinished(() => tunnel.close('the test is over'));
  await tunnel.apply(tunnel.definition, 'the test began');
  await waitFor(() => tunnel.status.state === 'up');

  const visit = (method: string, path: string, body = '') =>
    httpRequest({
      host: '127.0.0.1',
      port,
      method,
      path: `/figma${path}`,
      headers: {
        host: `127.0.0.1:${nowhere}`,
        authorization: `Bearer ${TOKEN}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        connection: 'close',
      },
    }).end(body);
  const call = () =>
    new Promise<number>((resolve) => {
      visit('POST', '/headers', '{"jsonrpc":"2.0","id":1,"method":"ping"}')
        .on('response', (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
        })
        .on('error', () => resolve(0));
    });
  let streams = 'open';
  visit('GET', '/events')
    .on('response', (answer) => answer.resume().on('close', () => (streams = 'cut')))
    .on('error', () => (streams = 'cut'));
  await waitFor(() => upstream.events.length === 1);

  const statuses = new Map<number, number>();
  const until = performance.now() + SECONDS * 1_000;
  // A pause in the middle: nobody calls, and the link alone carries the proof.
  const quietFrom = until - SECONDS * 600;
  const quietTo = until - SECONDS * 100;
  while (performance.now() < until) {
    const now = performance.now();
    if (now < quietFrom || now > quietTo) {
      const status = await call();
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { replacements, state, session, health } = tunnel.status;
  expect([...statuses.keys()]).toEqual([200]);
  expect({ replacements, state, generation: session?.generation, streams }).toEqual({
    replacements: 0,
    state: 'up',
    generation: 1,
    streams: 'open',
  });
  expect(health.verdict).toBe('unverified');
  expect(health.cause).toMatch(/from here|this machine/);
});
