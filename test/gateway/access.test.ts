import type { IncomingHttpHeaders, Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../helpers/fake-clock.ts';
import {
  BEARER,
  Bench,
  bodyOf,
  type GatewayOverrides,
  portOf,
  sha256,
  startHttp,
  stop,
  TOKEN,
} from './setup.ts';

let server: Server;
let benches: Bench[] = [];
/** What reached the server: target and raw headers. */
let reached: { url: string; headers: IncomingHttpHeaders }[] = [];

beforeEach(async () => {
  reached = [];
  server = await startHttp((request, response) => {
    reached.push({ url: request.url ?? '', headers: request.headers });
    response.end('ok');
  });
});

afterEach(async () => {
  for (const bench of benches) await bench.end();
  benches = [];
  await stop(server);
});

async function gateway(overrides?: GatewayOverrides): Promise<Bench> {
  const bench = await new Bench(portOf(server), overrides).listen();
  benches.push(bench);
  return bench;
}

function status(answer: string): number {
  return Number(answer.slice(9, 12));
}

describe('the access token', () => {
  it('is not opened by a part of it, once somebody came with all of it', async () => {
    const bench = await gateway();
    expect(status(await bench.ask('GET /mcp', `X-Tunneld-Token: ${TOKEN}\r\n`))).toBe(200);

    for (const part of [TOKEN.slice(0, -1), TOKEN.slice(0, 1), `${TOKEN}x`]) {
      expect(status(await bench.ask('GET /mcp', `X-Tunneld-Token: ${part}\r\n`))).toBe(401);
    }
  });

  it.each([
    ['header', 'GET /mcp', `X-Tunneld-Token: ${TOKEN}\r\n`],
    ['api-key', 'GET /mcp', `X-API-Key: ${TOKEN}\r\n`],
    ['path', `GET /t/${TOKEN}/mcp`, ''],
    ['bearer', 'GET /mcp', `authorization: bearer  ${TOKEN}\r\n`],
    ['query', `GET /mcp?token=${TOKEN}`, ''],
  ])('opens the tunnel in the carrier "%s" and does not reach the server', async (carrier, line, headers) => {
    const bench = await gateway({ access: { queryToken: true } });

    expect(status(await bench.ask(line, headers))).toBe(200);

    expect(reached[0]?.url).toBe('/mcp');
    expect(JSON.stringify(reached)).not.toContain(TOKEN);
    expect(await bench.event()).toMatchObject({ carrier, status: 200, outcome: 'complete' });
    expect(JSON.stringify(bench.events)).not.toContain(TOKEN);
  });

  it('is removed from the carrier that matched only', async () => {
    const bench = await gateway();
    const own = 'X-API-Key: of-the-server\r\n';

    await bench.ask('GET /', `X-Tunneld-Token: ${TOKEN}\r\n${own}Authorization: Basic c2VydmVy\r\n`);
    await bench.ask('GET /', `${own}${BEARER}`);

    expect(reached.map(({ headers }) => [headers['x-api-key'], headers.authorization])).toEqual([
      ['of-the-server', 'Basic c2VydmVy'],
      ['of-the-server', undefined],
    ]);
  });

  it.each([
    ['none', 'GET /mcp', '', 'no-token'],
    ['a wrong one', 'GET /mcp', 'Authorization: Bearer nope\r\n', 'wrong-token'],
    ['a wrong one of equal length', 'GET /mcp', `X-API-Key: ${'x'.repeat(TOKEN.length)}\r\n`, 'wrong-token'],
    ['one in the query, which is not allowed', `GET /mcp?token=${TOKEN}`, '', 'no-token'],
    ['a wrong path', 'GET /t/nope/mcp', '', 'wrong-token'],
    ['one as basic credentials', 'GET /mcp', `Authorization: Basic ${TOKEN}\r\n`, 'no-token'],
  ])('is needed: %s is refused before the server is touched', async (_what, line, headers, reason) => {
    const bench = await gateway();

    const answer = await bench.ask(line, headers);

    expect(status(answer)).toBe(401);
    expect(answer).toMatch(/\r\nWWW-Authenticate: Bearer/);
    expect(answer).not.toContain('resource_metadata');
    expect(JSON.parse(bodyOf(answer))).toMatchObject({
      error: 'unauthorized',
      error_description: expect.stringContaining('Authorization: Bearer <token>'),
    });
    expect(await bench.event()).toMatchObject({ status: 401, outcome: 'refused', reason });
    expect(reached).toEqual([]);
  });

  it('is masked in the logged path even when it is wrong', async () => {
    const bench = await gateway();
    await bench.ask('GET /t/almost-the-secret/mcp?key=value', '');

    expect((await bench.event()).path).toBe('/t/***/mcp');
  });

  it('lets nobody in while there is none', async () => {
    const bench = await gateway();
    bench.gateway.setTokens([]);

    expect(status(await bench.ask('GET /'))).toBe(401);
  });

  it('is not needed when the tunnel is public on purpose', async () => {
    const bench = await gateway({ access: { insecurePublic: true } });
    bench.gateway.setTokens([]);

    expect(status(await bench.ask('GET /', 'Authorization: Bearer of-the-server\r\n'))).toBe(200);
    expect(reached[0]?.headers.authorization).toBe('Bearer of-the-server');
  });

  it('lives next to its successor for as long as it was promised', async () => {
    const clock = new FakeClock();
    const bench = await gateway({ clock });
    bench.gateway.setTokens([
      { id: 'new', sha256: sha256('second') },
      { id: 'old', sha256: sha256(TOKEN), notAfter: clock.now() + 60_000 },
    ]);
    expect(status(await bench.ask('GET /'))).toBe(200);
    expect(status(await bench.ask('GET /', 'Authorization: Bearer second\r\n'))).toBe(200);

    clock.jump(60_000);

    expect(status(await bench.ask('GET /'))).toBe(401);
    expect(status(await bench.ask('GET /', 'Authorization: Bearer second\r\n'))).toBe(200);
  });

  it.each([
    'GET /.well-known/oauth-protected-resource',
    'GET /.well-known/oauth-protected-resource/mcp',
    'GET /.well-known/oauth-authorization-server/x?y',
    'GET /.well-known/openid-configuration',
    'GET /tenant/.well-known/openid-configuration',
    'POST /register',
    'GET /authorize?client_id=x',
    'POST /token',
  ])('hides OAuth from callers without it: %s', async (line) => {
    const bench = await gateway();

    const answer = await bench.ask(line, 'Content-Length: 0\r\n');

    expect(status(answer)).toBe(404);
    expect(JSON.parse(bodyOf(answer)).error_description).toContain('static access token');
    expect(status(await bench.ask(line, `${BEARER}Content-Length: 0\r\n`))).toBe(200);
  });
});

describe('the host check', () => {
  it.each([
    '127.0.0.1:PORT',
    'localhost:PORT',
    '[::1]:PORT',
    'LOCALHOST:PORT',
    'figma.example.com',
    'Figma.Example.com:443',
  ])('accepts %s', async (host) => {
    const bench = await gateway();
    bench.gateway.setPublicUrl(new URL('https://figma.example.com/'));

    const answer = await bench.ask('GET /', `Host: ${host.replace('PORT', String(bench.port))}\r\n${BEARER}`);

    expect(status(answer)).toBe(200);
    expect(reached[0]?.headers.host).toBe(`localhost:${portOf(server)}`);
  });

  it.each([
    'evil.example',
    'localhost',
    'localhost:1',
    '127.0.0.1.evil.example:PORT',
    'figma.example.com:80',
  ])('refuses %s, with the right token too', async (host) => {
    const bench = await gateway();
    bench.gateway.setPublicUrl(new URL('https://figma.example.com/'));

    const answer = await bench.ask('GET /', `Host: ${host.replace('PORT', String(bench.port))}\r\n${BEARER}`);

    expect(status(answer)).toBe(403);
    expect(await bench.event()).toMatchObject({ reason: 'host', outcome: 'refused' });
    expect(reached).toEqual([]);
  });

  it('accepts every loopback name of a public URL that is on loopback', async () => {
    const bench = await gateway();
    bench.gateway.setPublicUrl(new URL('http://127.0.0.1:7575/figma'));

    expect(status(await bench.ask('GET /', `Host: localhost:7575\r\n${BEARER}`))).toBe(200);
  });

  it('asks a visitor to come again while the public name is not known, and blames nobody', async () => {
    const bench = await gateway();
    const visit = () => bench.ask('GET /', `Host: figma.example.com\r\n${BEARER}`);
    for (const url of [undefined, new URL('https://figma.example.com/'), undefined]) {
      bench.gateway.setPublicUrl(url);
      const answer = await visit();
      expect(status(answer)).toBe(url === undefined ? 503 : 200);
      if (url === undefined) expect(answer).toMatch(/^Retry-After: \d/im);
    }
    expect(bench.events.map(({ reason }) => reason)).toEqual(['not-open', undefined, 'not-open']);
    expect(reached).toHaveLength(1);
    expect(status(await bench.ask('GET /'))).toBe(200);
  });
});

describe('a token in the path', () => {
  it.each([
    ['/.well-known/oauth-protected-resource/t/TOKEN/mcp', '/.well-known/oauth-protected-resource/mcp'],
    ['/.well-known/oauth-protected-resource/t/TOKEN', '/.well-known/oauth-protected-resource'],
    ['/.well-known/oauth-protected-resource/t/TOKEN/?x', '/.well-known/oauth-protected-resource?x'],
    ['/.well-known/oauth-authorization-server/t/TOKEN/a', '/.well-known/oauth-authorization-server/a'],
    ['/.well-known/openid-configuration/t/TOKEN/a?b', '/.well-known/openid-configuration/a?b'],
    ['/t/TOKEN/.well-known/openid-configuration', '/.well-known/openid-configuration'],
  ])('lets a client find the OAuth of the server: %s', async (asked, target) => {
    const bench = await gateway();

    expect(status(await bench.ask(`GET ${asked.replace('TOKEN', TOKEN)}`, ''))).toBe(200);

    expect(reached[0]?.url).toBe(target);
    expect(JSON.stringify(bench.events)).not.toContain(TOKEN);
  });

  it.each(['/.well-known/oauth-protected-resource/t/wrong/mcp', '/.well-known/oauth-protected-resource/mcp'])(
    'is needed for that: %s',
    async (asked) => {
      const bench = await gateway();

      expect(status(await bench.ask(`GET ${asked}`, ''))).toBe(404);
      expect(reached).toEqual([]);
    },
  );
});

describe('words of a caller about itself', () => {
  it.each([
    'Fastly-Client-IP',
    'X-Cluster-Client-IP',
    'X-Original-Forwarded-For',
    'X-Envoy-External-Address',
    'X-Envoy-Original-Path',
    'X-Forwarded-Uri',
    'X-Forwarded-Method',
    'X_Forwarded_Method',
    'X-Forwarded-User',
    'X-HTTP-Method-Override',
    'X-Method-Override',
    'True-Client-IP',
    'CF-Connecting-IP',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-Tunneld-Anything',
  ])('do not reach the server: %s', async (name) => {
    const bench = await gateway();

    expect(status(await bench.ask('GET /', `${name}: 6.6.6.6\r\n${BEARER}`))).toBe(200);

    expect(JSON.stringify(reached)).not.toContain('6.6.6.6');
  });
});

describe('the origin check', () => {
  it.each(['null', 'chrome-extension://abcdef', 'vscode-file://vscode-app', 'http://localhost:6274'])(
    'lets %s in where it is listed, however it writes itself',
    async (origin) => {
      const bench = await gateway({ access: { origins: [origin] } });

      const answer = await bench.ask('GET /', `Origin: ${origin.toUpperCase()}\r\n${BEARER}`);

      expect(status(answer)).toBe(200);
      expect(answer).toContain(`Access-Control-Allow-Origin: ${origin.toUpperCase()}\r\n`);
      expect(status(await bench.ask('GET /', `Origin: https://evil.example\r\n${BEARER}`))).toBe(403);
    },
  );

  it.each([
    ['https://evil.example', 403],
    ['null', 403],
    ['https://figma.example.com', 200],
    ['https://figma.example.com.evil.example', 403],
    ['http://figma.example.com', 403],
    ['https://app.example', 200],
  ])('answers %s with %i', async (origin, expected) => {
    const bench = await gateway({ access: { origins: ['https://app.example'] } });
    bench.gateway.setPublicUrl(new URL('https://figma.example.com/'));

    expect(status(await bench.ask('GET /', `Origin: ${origin}\r\n${BEARER}`))).toBe(expected);

    expect(reached.length).toBe(expected === 200 ? 1 : 0);
    expect(reached[0]?.headers.origin).toBeUndefined();
  });

  it('comes before the token, so that a page cannot try tokens', async () => {
    const bench = await gateway();

    expect(status(await bench.ask('GET /', 'Origin: https://evil.example\r\n'))).toBe(403);
  });
});

describe('what the server is told about the caller', () => {
  const invented =
    'X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n';

  it('is never what the caller invented', async () => {
    const bench = await gateway();
    await bench.ask('GET /', invented + BEARER);

    expect(reached[0]?.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': `127.0.0.1:${bench.port}`,
    });
    expect(JSON.stringify(reached)).not.toContain('6.6.6.6');
    expect((await bench.event()).client).toBe('127.0.0.1');
  });

  it("is what the provider's agent appended last, where only that agent connects", async () => {
    const bench = await gateway();
    bench.gateway.setForwardedTrust(true);
    await bench.ask(
      'GET /',
      `X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: figma.example.com\r\n${BEARER}`,
    );

    expect(reached[0]?.headers).toMatchObject({
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'figma.example.com',
    });
    expect(await bench.event()).toMatchObject({ client: '203.0.113.7', via: 'provider' });
  });

  it('says under which path a relay carries it, and never the secret part of the path', async () => {
    const bench = await gateway();
    bench.gateway.setPublicUrl(new URL('https://relay.example.com/figma'));
    await bench.ask(`GET /t/${TOKEN}/mcp`, 'X-Forwarded-Prefix: /evil\r\n');
    bench.gateway.setForwardedTrust(true);
    await bench.ask(
      `GET /t/${TOKEN}/mcp`,
      'Host: relay.example.com\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Prefix: /evil\r\n',
    );

    expect(reached.map(({ headers }) => headers['x-forwarded-prefix'])).toEqual([undefined, '/figma']);
  });

  it('leaves out nothing else: the server decides about its own credentials', async () => {
    const bench = await gateway();
    await bench.ask(
      'GET /',
      `${BEARER}Cookie: a=b\r\nX-Custom: c\r\nConnection: X-Custom-Hop\r\nX-Custom-Hop: d\r\n`,
    );

    expect(reached[0]?.headers).toMatchObject({ cookie: 'a=b', 'x-custom': 'c' });
    expect(reached[0]?.headers['x-custom-hop']).toBeUndefined();
  });
});

describe('the marker', () => {
  it.each([
    ['GET /', BEARER, 'ok'],
    ['GET /', '', 'n/a'],
    ['GET /.tunneld/healthz', BEARER, 'n/a'],
    ['GET /', 'Bad Header: x\r\n', 'n/a'],
  ])('is on every answer: %s %j', async (line, headers, upstream) => {
    const bench = await gateway();

    const answer = await bench.ask(line, headers);

    expect(answer).toContain('\r\nx-tunneld: i-1\r\n');
    expect(answer).toContain(`\r\nx-tunneld-upstream: ${upstream}\r\n`);
  });

  it('cannot be forged by the server', async () => {
    server.removeAllListeners('request').on('request', (_request, response) => {
      response.setHeader('X-Tunneld', 'forged').setHeader('X-Tunneld-Probe', 'forged').end();
    });
    const bench = await gateway();

    expect(await bench.ask('GET /')).not.toContain('forged');
  });

  it('repeats the nonce to whoever knows the key, and counts that as a probe', async () => {
    const bench = await gateway();

    expect(await bench.ask('GET /', `${BEARER}X-Tunneld-Probe: probe.key.n0nce\r\n`)).toContain(
      '\r\nx-tunneld-probe: n0nce\r\n',
    );
    expect(await bench.event()).toMatchObject({ probe: true });
    expect(await bench.ask('GET /', `${BEARER}X-Tunneld-Probe: other.key.n0nce\r\n`)).not.toContain('n0nce');
    expect(await bench.event()).toMatchObject({ probe: false });

    expect(bench.gateway.total).toBe(1);
    expect(reached.map(({ headers }) => headers['x-tunneld-probe'])).toEqual([undefined, undefined]);
  });

  it('is what the reserved path is for, behind the token', async () => {
    const bench = await gateway();

    expect(status(await bench.ask('GET /.tunneld/healthz'))).toBe(200);
    expect(status(await bench.ask('GET /.tunneld/other'))).toBe(404);
    expect(status(await bench.ask('GET /.tunneld/healthz', ''))).toBe(401);
    expect(reached).toEqual([]);
  });
});
