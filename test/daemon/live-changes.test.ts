import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { upstreamOf } from '../../src/config/upstream.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import type { SessionEnd } from '../../src/core/session-end.ts';
import { Tunnel } from '../../src/daemon/tunnel.ts';
import type { TunnelDefinition } from '../../src/daemon/tunnel-definition.ts';
import type { PortRequest, TunnelProvider, TunnelSession } from '../../src/providers/provider.ts';
import { HttpServer } from '../../src/servers/http/http-server.ts';
import { documentedKeys } from '../docs/documented-keys.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';

/** Which edit of a tunnel's definition costs its session, key by key: on a free plan, its URL too. */

/** Counts its sessions; its edge knows the tokens that each was opened with. */
class CountingProvider implements TunnelProvider {
  readonly kind = 'counting';
  opens = 0;
  live = 0;
  told: readonly string[] = [];

  async open(request: PortRequest): Promise<TunnelSession> {
    this.opens += 1;
    this.live += 1;
    this.told = (request.accessTokens?.() ?? []).map((token) => token.reveal());
    let settle: (end: SessionEnd) => void = () => {};
    const closed = new Promise<SessionEnd>((resolve) => {
      settle = resolve;
    });
    const close = async () => {
      if (this.live > 0) this.live -= 1;
      settle({ reason: 'closed-by-us' });
    };
    return { publicUrl: new URL('http://127.0.0.1:9/'), expiresAt: undefined, closed, close };
  }
}

const TOKEN = 'tnl_of-the-tunnel-0123456789';
const BASE = { port: 9, health: { probe: 'tcp' } };

/** A value other than the default for every key there is. */
const OTHER_VALUES: Readonly<Record<string, unknown>> = {
  port: 8,
  sse: 'http://127.0.0.1:8/sse',
  command: ['another-program'],
  env: { MODE: 'other' },
  cwd: '/elsewhere',
  process: 'shared',
  start: 'on-demand',
  idle: '5m',
  url: 'http://127.0.0.1:8/mcp',
  path: '/other',
  provider: 'ngrok',
  enabled: false,
  hostHeader: 'app.local',
  allowRemoteUpstream: true,
  sseKeepAlive: 'off',
  'access.token': 'another-token-0123456789',
  'access.queryToken': true,
  'access.insecurePublic': true,
  'access.origins': ['https://app.example.com'],
  'health.probe': 'http',
  'health.schedule': '*/20 * * * * *',
  'health.timeout': '5s',
  'health.authorization': 'env:AUTHORIZATION',
  'limits.concurrency': 7,
  'limits.connections': 7,
  'limits.firstByteTimeout': '30s',
  'limits.idleTimeout': '30s',
  'limits.processes': 7,
  'limits.messageBytes': 70_000,
  'relay.url': 'http://127.0.0.1:1',
  'relay.token': 'a-token-of-the-relay',
  'relay.name': 'other',
  'relay.publicHosts': ['other.example.com'],
  'relay.links': 2,
  'pinggy.token': 'a-token',
  'pinggy.region': 'eu',
  'pinggy.server': 'edge.example.com',
  'pinggy.serverPort': 8443,
  'pinggy.force': false,
  'pinggy.edgeAuth': false,
  'pinggy.keys': ['a-key'],
  'pinggy.basicAuth': ['ann:password'],
  'pinggy.allow': ['10.0.0.0/8'],
  'pinggy.setHeaders': ['X-Team: design'],
  'pinggy.removeHeaders': ['X-Other'],
  'pinggy.passPreflight': true,
  'pinggy.args': ['x:fullurl'],
  'pinggy.image': 'pinggy/pinggy:other',
  'pinggy.pull': 'never',
  'pinggy.dockerHost': 'unix:///tmp/engine.sock',
  'pinggy.dockerContext': 'other',
  'pinggy.network': 'host',
  'pinggy.gatewayHost': 'host.docker.internal',
  'pinggy.debugger': false,
  'pinggy.debuggerPort': 4301,
  'pinggy.knownHosts': '/etc/known',
  'pinggy.restartPolicy': 'unless-stopped',
  'pinggy.memoryMb': 300,
  'pinggy.pidsLimit': 99,
  'pinggy.readOnlyRoot': false,
  'pinggy.openTimeout': '30s',
  'ngrok.authtoken': 'another-authtoken',
  'ngrok.domain': 'other.ngrok.app',
  'ngrok.pooling': true,
  'ngrok.metadata': 'text',
  'ngrok.edgeAuth': false,
  'ngrok.passPreflight': true,
  'ngrok.basicAuth': ['ann:password'],
  'ngrok.allow': ['10.0.0.0/8'],
  'ngrok.deny': ['10.0.0.0/8'],
  'ngrok.trafficPolicy.on_tcp_connect': [{}],
  'ngrok.trafficPolicy.on_http_request': [{}],
  'ngrok.trafficPolicy.on_http_response': [{}],
  'ngrok.region': 'eu',
  'ngrok.server': 'edge.example.com:443',
  'ngrok.caFile': '/etc/ca.pem',
  'ngrok.heartbeatInterval': '20s',
  'ngrok.heartbeatTolerance': '20s',
};

/** What a program is started with. */
const OF_A_PROGRAM = /^(?:command|env|cwd|process|start|idle)$/;

/** The server is somewhere else, the edge has to be told something, or it is another provider's. */
const COSTS_A_SESSION = (key: string) =>
  /^(?:port|url|sse|path|hostHeader|provider)$/.test(key) ||
  OF_A_PROGRAM.test(key) ||
  /^access\.(?:token|insecurePublic|origins)$/.test(key) ||
  /^(?:relay|pinggy|ngrok)\./.test(key);

let provider: CountingProvider;
let tunnel: Tunnel;

beforeEach(() => {
  provider = new CountingProvider();
});

const tokens = [{ id: 'first', value: new Secret(TOKEN), createdAt: 0 }];

function definition(spec: object): TunnelDefinition {
  return { config: parseTunnelSpec('figma', spec), source: 'file', desired: 'up', tokens };
}

async function upWith(spec: object): Promise<void> {
  tunnel = new Tunnel('figma', definition(spec), {
    instance: '0123456789abcdef',
    owner: { instance: 'test', place: 'here', key: new Secret('owner') },
    env: { AUTHORIZATION: 'Bearer of-the-server' },
    clock: systemClock,
    random: () => 0,
    log: quiet,
    provider: async () => ({ provider, way: 'port', checksTokens: true }),
    // What a program is has tests of its own.
    server: (config) => new HttpServer({ ...upstreamOf(config), port: 9 }),
    online: () => true,
    drainMs: 0,
    clean: (text) => text,
    onSecret: () => {},
    lastGatewayPort: () => undefined,
    onGatewayPort: () => {},
    onChange: () => {},
  });
  onTestFinished(() => tunnel.close('the test is over'));
  await tunnel.apply(definition(spec), 'test');
  await steady();
}

const steady = () => waitFor(() => tunnel.status.state === 'up' && provider.live === 1);

function changed(spec: object, key: string): object {
  const [first = '', ...rest] = key.split('.');
  const below = (spec as Record<string, object | undefined>)[first] ?? {};
  const value = rest.length === 0 ? OTHER_VALUES[key] : nested(below, rest, OTHER_VALUES[key]);
  const { port: _, ...withoutPort } = spec as { port: number };
  return { ...(key === 'url' || key === 'sse' ? withoutPort : spec), [first]: value };
}

function nested(spec: object, [first = '', ...rest]: readonly string[], value: unknown): object {
  return { ...spec, [first]: rest.length === 0 ? value : nested({}, rest, value) };
}

const keys = documentedKeys(configJsonSchema())
  .map(({ path }) => path)
  .filter((path) => !path.startsWith('daemon.'));

it('is decided for every key of a tunnel', () => {
  expect(Object.keys(OTHER_VALUES).sort()).toEqual([...keys].sort());
});

it.each(keys)('%s', async (key) => {
  const own = /^(relay|pinggy|ngrok)\./.exec(key)?.[1];
  const relay = own === 'relay' ? { relay: { url: 'http://127.0.0.1:2' } } : {};
  const ngrok = own === 'ngrok' ? { ngrok: { authtoken: 'an-authtoken' } } : {};
  const server = OF_A_PROGRAM.test(key) ? { command: ['program'], health: BASE.health } : BASE;
  const base = { ...server, provider: own ?? 'pinggy', ...relay, ...ngrok };
  await upWith(base);
  const { gatewayUrl } = tunnel.inspection;
  await tunnel.apply(definition(changed(base, key)), 'the test changes a key');
  await steady();
  expect(provider.opens).toBe(COSTS_A_SESSION(key) ? 2 : 1);
  if (!COSTS_A_SESSION(key)) expect(tunnel.inspection.gatewayUrl).toBe(gatewayUrl);
  // Whatever it cost, the same again costs nothing.
  await tunnel.apply(definition(changed(base, key)), 'the same again');
  await steady();
  expect(provider.opens).toBe(COSTS_A_SESSION(key) ? 2 : 1);
});

it('tells an edge that checks tokens which ones count now', async () => {
  await upWith({ ...BASE, provider: 'pinggy' });
  expect(provider.told).toEqual([TOKEN]);
  await tunnel.apply(definition({ ...BASE, provider: 'pinggy', access: { insecurePublic: true } }), 'test');
  await steady();
  expect(provider.told).toEqual([]);
});

it('applies the limits of the gateway at once', async () => {
  await upWith({ ...BASE, provider: 'pinggy' });
  const { gatewayUrl } = tunnel.inspection;
  const status = async (query: string) => (await fetch(`${gatewayUrl}/mcp?token=${query}`)).status;
  expect(await status(TOKEN)).toBe(401);
  await tunnel.apply(definition({ ...BASE, provider: 'pinggy', access: { queryToken: true } }), 'test');
  // The server is not there: what matters is that the token was taken.
  expect(await status(TOKEN)).toBe(502);
});
