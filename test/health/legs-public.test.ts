import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NetworkLegs } from '../../src/health/legs.ts';
import type { Finding } from '../../src/health/probe-result.ts';
import { ngrok } from '../../src/providers/ngrok/kind.ts';
import { listen, startModernOnly, type TestServer } from '../helpers/mcp-servers.ts';
import type { Interference, PublicEdge } from '../helpers/public-edge.ts';
import { edgeFor, legsOptions, never } from './fixtures.ts';

let server: TestServer;
let edge: PublicEdge;
let legs: NetworkLegs;

beforeEach(async () => {
  server = await startModernOnly();
  edge = await edgeFor(server.url);
  legs = new NetworkLegs(legsOptions(server.url, { judgePage: ngrok.judgePage }));
});

afterEach(async () => {
  await legs.close();
  await edge.stop();
  await server.stop();
});

const says =
  (status: number, headers: Record<string, string>, body = ''): Interference =>
  (request, response) => {
    const nonce = String(request.headers['x-tunneld-probe']).split('.')[1] ?? '';
    const filled = Object.entries(headers).map(([name, value]) => [name, value.replace('NONCE', nonce)]);
    request.resume().on('end', () => response.writeHead(status, Object.fromEntries(filled)).end(body));
    return true;
  };

const OURS = { 'x-tunneld': 'instance-1', 'x-tunneld-probe': 'NONCE' };

const ngrokSays = (status: number, code: number) =>
  says(status, { 'ngrok-error-code': `ERR_NGROK_${code}`, 'content-type': 'text/html' });

interface Row {
  readonly name: string;
  readonly edge: Interference;
  readonly finding: Finding;
}

const ROWS: readonly Row[] = [
  {
    name: 'a relay without the tunnel',
    edge: says(503, { 'x-tunneld-relay': 'tunnel-offline' }),
    finding: 'not-ours',
  },
  { name: 'a relay at its limits', edge: says(503, { 'x-tunneld-relay': 'tunnel-busy' }), finding: 'busy' },
  { name: "a provider's error page", edge: says(502, { 'content-type': 'text/html' }), finding: 'not-ours' },
  { name: 'an interstitial page', edge: says(200, { 'content-type': 'text/html' }), finding: 'not-ours' },
  { name: 'another tunneld', edge: says(200, { ...OURS, 'x-tunneld': 'other' }), finding: 'wrong-tunnel' },
  {
    name: 'a cached answer of ours',
    edge: says(200, { ...OURS, 'x-tunneld-probe': 'old', 'x-tunneld-upstream': 'ok' }),
    finding: 'stale-answer',
  },
  { name: 'a quota', edge: says(429, { 'retry-after': '120' }), finding: 'limited' },
  { name: 'ngrok without the endpoint', edge: ngrokSays(404, 3200), finding: 'not-ours' },
  { name: 'ngrok whose agent gives nonsense', edge: ngrokSays(502, 3004), finding: 'not-ours' },
  { name: 'ngrok whose agent cannot reach us', edge: ngrokSays(502, 8012), finding: 'not-ours' },
  { name: "ngrok's rule about networks", edge: ngrokSays(403, 3205), finding: 'edge-auth' },
  { name: "ngrok's warning page", edge: ngrokSays(200, 6024), finding: 'edge-auth' },
  { name: "ngrok's quota of the month", edge: ngrokSays(403, 727), finding: 'limited' },
  { name: "ngrok's rate limit", edge: ngrokSays(403, 734), finding: 'limited' },
  { name: 'an ngrok code of the future', edge: ngrokSays(404, 123_456), finding: 'not-ours' },
  { name: "the provider's own login", edge: says(403, {}), finding: 'edge-auth' },
  {
    name: 'a redirect to https',
    edge: (request, response) =>
      says(301, { location: `https://127.0.0.1${request.url}` })(request, response),
    finding: 'redirected',
  },
  {
    name: "a redirect to the provider's home",
    edge: says(302, { location: '//example.com' }),
    finding: 'not-ours',
  },
  {
    name: 'our gateway refusing the token',
    edge: says(401, { ...OURS, 'x-tunneld-upstream': 'n/a' }),
    finding: 'token-refused',
  },
  {
    name: 'our gateway refusing the Host',
    edge: says(421, { ...OURS, 'x-tunneld-upstream': 'n/a' }),
    finding: 'gateway-refused',
  },
  {
    name: 'our gateway at its limits',
    edge: says(503, { ...OURS, 'x-tunneld-upstream': 'n/a' }),
    finding: 'busy',
  },
  {
    name: "an answer of the server's, where our own was asked for",
    edge: says(401, { ...OURS, 'x-tunneld-upstream': 'ok' }),
    finding: 'gateway-refused',
  },
  {
    name: 'a connection that is cut',
    edge: (request) => {
      request.socket.destroy();
      return true;
    },
    finding: 'no-route',
  },
];

describe('the public leg', () => {
  it.each(ROWS)('tells $name from the server', async ({ edge: interference, finding }) => {
    edge.interfere(interference);
    expect(await legs.public(edge.publicUrl, never)).toMatchObject({ finding });
  });

  it('takes a body that never comes for a stalled stream', async () => {
    edge.interfere((request, response) => {
      const nonce = String(request.headers['x-tunneld-probe']).split('.')[1] ?? '';
      response.writeHead(200, { ...OURS, 'x-tunneld-probe': nonce, 'x-tunneld-upstream': 'n/a' });
      response.flushHeaders();
      return true;
    });
    const impatient = new NetworkLegs(legsOptions(server.url, { timeoutMs: 1_000 }));
    expect(await impatient.public(edge.publicUrl, never)).toMatchObject({ finding: 'stalled' });
    await impatient.close();
  });

  it('gives up on a URL that never answers', async () => {
    edge.interfere(() => true);
    const impatient = new NetworkLegs(legsOptions(server.url, { timeoutMs: 150 }));
    expect(await impatient.public(edge.publicUrl, never)).toMatchObject({ finding: 'no-answer' });
    await impatient.close();
  });

  it('passes on how long a provider out of quota wants to be left alone', async () => {
    edge.interfere(says(429, { 'retry-after': '120' }));
    expect(await legs.public(edge.publicUrl, never)).toMatchObject({ retryAfterMs: 120_000 });
  });

  it("names ngrok's code, and what to do where that is not our business", async () => {
    edge.interfere(ngrokSays(403, 3205));
    expect(await legs.public(edge.publicUrl, never)).toMatchObject({
      detail: 'ngrok answers ERR_NGROK_3205: this address may not connect (403)',
      remedy: expect.stringContaining('ngrok.allow'),
    });
    edge.interfere(ngrokSays(403, 734));
    expect(await legs.public(edge.publicUrl, never)).toMatchObject({ retryAfterMs: 60_000 });
  });

  it('keeps the path of the public URL', async () => {
    await using seen = await listen((request, response) => {
      request.resume();
      response.end();
    });
    await legs.public(new URL(`http://127.0.0.1:${seen.port}/figma`), never);
    expect(seen.requests).toEqual(['GET /figma/.tunneld/healthz']);
  });

  it.each(['auto', 'discover', 'initialize', 'http', 'tcp'] as const)(
    'asks the gateway, never the server a second time (%s)',
    async (mode) => {
      const either = new NetworkLegs(legsOptions(server.url, { mode }));
      expect(await either.public(edge.publicUrl, never)).toMatchObject({ finding: 'ok', basis: 'marker' });
      expect(edge.requests).toEqual(['GET /.tunneld/healthz']);
      expect(server.requests).toEqual([]);
      await either.close();
    },
  );

  it('measures how long the answer took', async () => {
    edge.interfere((request, response) => {
      setTimeout(() => says(200, OURS)(request, response), 60);
      return true;
    });
    expect((await legs.public(edge.publicUrl, never)).latencyMs).toBeGreaterThan(50);
  });
});

describe('the exposure check', () => {
  it('is content when a request without token is refused', async () => {
    expect(await legs.exposure(edge.publicUrl, never)).toBe('refused');
    expect(server.requests).toEqual([]);
  });

  it.each([
    { name: 'our gateway lets it through', edge: says(200, { ...OURS, 'x-tunneld-upstream': 'ok' }) },
    { name: 'the server itself refuses it', edge: says(401, { ...OURS, 'x-tunneld-upstream': 'ok' }) },
    { name: 'our gateway tried the server', edge: says(502, { ...OURS, 'x-tunneld-upstream': 'down' }) },
    {
      name: 'an MCP server answers without our gateway',
      edge: says(400, {}, '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no"}}'),
    },
  ])('finds the tunnel exposed when $name', async ({ edge: interference }) => {
    edge.interfere(interference);
    expect(await legs.exposure(edge.publicUrl, never)).toBe('exposed');
  });

  it.each([
    { name: "a provider's error page", edge: says(502, { 'content-type': 'text/html' }) },
    {
      name: 'a relay without an agent',
      edge: says(503, {}, '{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"no"}}'),
    },
    { name: 'another tunneld', edge: says(200, { 'x-tunneld': 'other' }) },
    {
      name: 'a relay that did not like the request',
      edge: says(
        400,
        { 'x-tunneld-relay': 'bad' },
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no"}}',
      ),
    },
  ])('draws no conclusion from $name', async ({ edge: interference }) => {
    edge.interfere(interference);
    expect(await legs.exposure(edge.publicUrl, never)).toBe('unknown');
  });
});
