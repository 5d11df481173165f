import type { ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { BEARER, Bench, bodyOf, type GatewayOverrides, portOf, startHttp, stop, TOKEN } from './setup.ts';

const benches: Bench[] = [];
const servers: Server[] = [];

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.end();
  for (const server of servers.splice(0)) await stop(server);
});

/** A server that answers everything with these headers, in which PORT is its own port. */
async function saying(headers: [string, string][], overrides: GatewayOverrides = {}): Promise<Bench> {
  return inFrontOf((response, port) => {
    response.writeHead(
      200,
      headers.flatMap(([name, value]) => [name, value.replaceAll('PORT', port)]),
    );
    response.end();
  }, overrides);
}

async function inFrontOf(
  answer: (response: ServerResponse, port: string) => void,
  overrides: GatewayOverrides = {},
): Promise<Bench> {
  const server = await startHttp((_request, response) => answer(response, String(portOf(server))));
  servers.push(server);
  const bench = await new Bench(portOf(server), overrides).listen();
  benches.push(bench);
  bench.gateway.setPublicUrl(new URL('https://relay.example/figma'));
  bench.gateway.setForwardedTrust(true);
  return bench;
}

const PUBLIC = 'X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Host: relay.example\r\n';

function headerOf(answer: string, name: string): string[] {
  return [...answer.matchAll(new RegExp(`^${name}: (.*)\\r$`, 'gim'))].map(([, value = '']) => value);
}

describe('an answer behind a relay that routes by path', () => {
  it.each([
    ['Location', '/mcp/', '/figma/mcp/'],
    ['Location', 'http://localhost:PORT/mcp/', 'https://relay.example/figma/mcp/'],
    ['Location', 'http://0.0.0.0:PORT/mcp/', 'https://relay.example/figma/mcp/'],
    ['Location', '/figma/mcp/', '/figma/mcp/'],
    ['Location', 'http://localhost:1/callback?code=x', 'http://localhost:1/callback?code=x'],
    ['Location', 'https://login.example/authorize', 'https://login.example/authorize'],
    ['Content-Location', '/a', '/figma/a'],
    ['Refresh', '5; url=/a', '5; url=/figma/a'],
    ['Refresh', '0;URL="http://127.0.0.1:PORT/a"', '0;URL="https://relay.example/figma/a"'],
    ['Refresh', '5', '5'],
    [
      'Link',
      '</a>; rel="next"; title="</a>", <https://x.example/>',
      '</figma/a>; rel="next"; title="</a>", <https://x.example/>',
    ],
    [
      'WWW-Authenticate',
      'Bearer realm="x", resource_metadata="http://localhost:PORT/.well-known/oauth-protected-resource/mcp"',
      'Bearer realm="x", resource_metadata="https://relay.example/.well-known/oauth-protected-resource/figma/mcp"',
    ],
    ['Set-Cookie', 'a=b; Path=/; HttpOnly', 'a=b; Path=/figma; HttpOnly'],
    ['Set-Cookie', 'a=b;path=/mcp;Domain=localhost', 'a=b; Path=/figma/mcp'],
    ['Set-Cookie', 'a=b; Domain=.relay.example; Secure', 'a=b; Domain=.relay.example; Secure'],
    ['Set-Cookie', '__Host-a=b; Path=/; Secure', '__Host-a=b; Path=/; Secure'],
  ])('leads back through it: %s: %s', async (name, said, led) => {
    const bench = await saying([[name, said]]);

    const answer = await bench.ask('GET /mcp', BEARER + PUBLIC);

    expect(headerOf(answer, name)).toEqual([led]);
  });

  it('keeps cookies and their order', async () => {
    const bench = await saying([
      ['Set-Cookie', 'a=1; Path=/'],
      ['X-Between', 'y'],
      ['Set-Cookie', 'b=2'],
    ]);

    const answer = await bench.ask('GET /', BEARER + PUBLIC);

    expect(headerOf(answer, 'set-cookie')).toEqual(['a=1; Path=/figma', 'b=2']);
    expect(headerOf(answer, 'x-between')).toEqual(['y']);
  });

  it('has the token of a secret path only in what is to be followed', async () => {
    const bench = await saying([
      ['Location', 'http://localhost:PORT/mcp/'],
      ['Content-Location', '/a'],
      ['Set-Cookie', 'a=b; Path=/mcp'],
    ]);

    const answer = await bench.ask(`GET /t/${TOKEN}/mcp`, PUBLIC);

    expect(headerOf(answer, 'location')).toEqual([`https://relay.example/figma/t/${TOKEN}/mcp/`]);
    expect(answer.split(TOKEN).length - 1).toBe(1);
  });
});

it("an answer on the gateway's own port leads back to that port", async () => {
  const bench = await saying([['Location', 'http://localhost:PORT/mcp/']]);

  const answer = await bench.ask(`GET /t/${TOKEN}/mcp`, '');

  expect(headerOf(answer, 'location')).toEqual([`http://127.0.0.1:${bench.port}/t/${TOKEN}/mcp/`]);
});

it('an interim answer leads back too', async () => {
  const bench = await inFrontOf((response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload', 'x-tunneld': 'evil' });
    response.end();
  });

  const answer = await bench.ask('GET /', BEARER + PUBLIC);

  expect(answer.slice(0, answer.indexOf('\r\n\r\n'))).toBe(
    'HTTP/1.1 103 Early Hints\r\nLink: </figma/a.css>; rel=preload',
  );
});

describe('the endpoint of an event stream', () => {
  const shapes = [
    'id:abc-1\nevent:endpoint\ndata:/messages?sid=1\n\n',
    'event: endpoint\nid: 1\ndata: /messages?sid=1\n\n',
    'event: ping\ndata: 1\n\nevent: endpoint\ndata: /messages?sid=1\n\n',
    'event: endpoint\ndata: http://0.0.0.0:PORT/messages?sid=1\n\n',
    'event: endpoint\ndata: /figma/messages?sid=1\n\n',
    'event: endpoint\ndata: https://relay.example/messages?sid=1\n\n',
    'event: endpoint\ndata: https://relay.example/figma/messages?sid=1\n\n',
  ];
  const streaming = (shape: string) =>
    inFrontOf((response, port) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(shape.replace('PORT', port));
      response.end('event: message\ndata: {}\n\n');
    });
  const endpointIn = (answer: string) => /event: ?endpoint\n(?:id.*\n)?data: ?(.*)/.exec(bodyOf(answer))?.[1];

  it.each(shapes)('leads back through relay and token: %j', async (shape) => {
    const bench = await streaming(shape);

    expect(endpointIn(await bench.ask('GET /sse', BEARER + PUBLIC))).toBe('/figma/messages?sid=1');
    expect(endpointIn(await bench.ask(`GET /t/${TOKEN}/sse`, PUBLIC))).toBe(
      `/figma/t/${TOKEN}/messages?sid=1`,
    );
  });

  it.each(shapes.slice(0, 4))("leads back through the token on the gateway's own port: %j", async (shape) => {
    const bench = await streaming(shape);

    expect(endpointIn(await bench.ask(`GET /t/${TOKEN}/sse`, ''))).toBe(`/t/${TOKEN}/messages?sid=1`);
  });

  it('that leads to another server passes, and is noted', async () => {
    const warnings: unknown[] = [];
    const log = {
      warn: (fields: unknown) => warnings.push(fields),
      error: () => {},
      info: () => {},
      debug: () => {},
    };
    const server = await startHttp((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.end('event: endpoint\ndata: https://other.example/m?sid=secret\n\n');
    });
    servers.push(server);
    const bench = await new Bench(portOf(server), { log: log as never }).listen();
    benches.push(bench);

    expect(endpointIn(await bench.ask('GET /sse'))).toBe('https://other.example/m?sid=secret');

    expect(await bench.event()).toMatchObject({ outcome: 'complete', note: 'endpoint-elsewhere' });
    expect(warnings).toEqual([{ tunnel: 'test', endpoint: 'https://other.example' }]);
  });
});

describe('headers of ours', () => {
  it('are never the server’s', async () => {
    const bench = await saying([
      ['X-Tunneld', 'evil'],
      ['X-Tunneld-Relay', 'tunnel-offline'],
      ['x_tunneld_upstream', 'evil'],
      ['X-Tunneld-Anything', 'evil'],
    ]);

    const answer = await bench.ask('GET /');

    expect(answer).not.toMatch(/evil|offline/);
    expect(headerOf(answer, 'x-tunneld')).toEqual(['i-1']);
  });

  it("cannot be taken away by the server's Connection", async () => {
    const bench = await saying([
      ['Connection', 'close, x-tunneld, X-Tunneld-Upstream, location, x-mine'],
      ['Location', '/a'],
      ['X-Mine', 'y'],
    ]);

    const answer = await bench.ask('GET /', BEARER + PUBLIC);

    expect(headerOf(answer, 'x-tunneld')).toEqual(['i-1']);
    expect(headerOf(answer, 'x-tunneld-upstream')).toEqual(['ok']);
    expect(headerOf(answer, 'location')).toEqual(['/figma/a']);
    expect(headerOf(answer, 'x-mine')).toEqual([]);
  });
});
