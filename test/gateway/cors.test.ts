import type { IncomingHttpHeaders, OutgoingHttpHeaders, Server } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BEARER, Bench, type GatewayOverrides, portOf, startHttp, stop } from './setup.ts';

const PAGE = 'https://app.example';
const LISTED = { access: { origins: [PAGE] } };

let server: Server;
let bench: Bench;
let reached: IncomingHttpHeaders[];
let serverSays: OutgoingHttpHeaders;

beforeEach(async () => {
  reached = [];
  serverSays = {};
  server = await startHttp((request, response) => {
    reached.push(request.headers);
    response.writeHead(200, serverSays).end('ok');
  });
});

afterEach(async () => {
  await bench.end();
  await stop(server);
});

async function gateway(overrides?: GatewayOverrides): Promise<void> {
  bench = await new Bench(portOf(server), overrides).listen();
  bench.gateway.setPublicUrl(new URL('https://figma.example.com/'));
}

/** Values of every header of the answer that has this name. */
function values(answer: string, name: string): string[] {
  return [...answer.matchAll(new RegExp(`\r\n${name}: (.*)`, 'gi'))].map((match) => match[1] ?? '');
}

const PREFLIGHT = 'Access-Control-Request-Method: POST\r\n';

it('answers the preflight of a listed origin itself, without a token', async () => {
  await gateway(LISTED);

  const answer = await bench.ask(
    'OPTIONS /mcp',
    `Origin: ${PAGE}\r\n${PREFLIGHT}Access-Control-Request-Headers: authorization,content-type, x-custom\r\n`,
  );

  expect(answer).toMatch(/^HTTP\/1\.1 204 /);
  expect(answer.endsWith('\r\n\r\n')).toBe(true);
  expect(values(answer, 'access-control-allow-origin')).toEqual([PAGE]);
  expect(values(answer, 'access-control-allow-methods')[0]).toMatch(/\bPOST\b.*\bDELETE\b/);
  expect(values(answer, 'access-control-allow-headers')).toEqual(['authorization,content-type, x-custom']);
  expect(values(answer, 'access-control-max-age')).toEqual(['7200']);
  expect(values(answer, 'vary')).toEqual(['Origin']);
  expect(reached).toEqual([]);
  expect(await bench.event()).toMatchObject({ status: 204, reason: 'preflight', outcome: 'complete' });
});

it('names the headers of an MCP client when a preflight names none it could repeat', async () => {
  await gateway(LISTED);

  const answer = await bench.ask(
    'OPTIONS /mcp',
    `Origin: ${PAGE}\r\n${PREFLIGHT}Access-Control-Request-Headers: *, "odd"\r\n`,
  );

  expect(values(answer, 'access-control-allow-headers')[0]).toMatch(/^Authorization, .*Mcp-Session-Id/);
});

it('lets a page of a listed origin read the answer, whatever the server says about origins', async () => {
  await gateway(LISTED);
  serverSays = {
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Expose-Headers': 'X-Own',
    'Mcp-Session-Id': 's',
  };

  const answer = await bench.ask('POST /mcp', `Origin: ${PAGE}\r\nContent-Length: 0\r\n${BEARER}`);

  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(values(answer, 'access-control-allow-origin')).toEqual([PAGE]);
  expect(values(answer, 'access-control-allow-credentials')).toEqual([]);
  const [exposed, ...more] = values(answer, 'access-control-expose-headers');
  expect(exposed).toMatch(/^Mcp-Session-Id, .*, X-Own$/);
  expect(more).toEqual([]);
  expect(values(answer, 'vary')).toEqual(['Origin']);
});

it('lets it read a refusal too, so that a wrong token does not look like a broken network', async () => {
  await gateway(LISTED);

  const answer = await bench.ask('POST /mcp', `Origin: ${PAGE}\r\nContent-Length: 0\r\n`);

  expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  expect(values(answer, 'access-control-allow-origin')).toEqual([PAGE]);
  expect(values(answer, 'access-control-expose-headers')[0]).toContain('WWW-Authenticate');
});

it('asks the token of an OPTIONS that is no preflight', async () => {
  await gateway(LISTED);

  expect(await bench.ask('OPTIONS /mcp', `Origin: ${PAGE}\r\n`)).toMatch(/^HTTP\/1\.1 401 /);
});

it('tells caches that answers differ by origin, to callers without one as well', async () => {
  await gateway(LISTED);
  serverSays = { 'Access-Control-Allow-Origin': '*' };

  const answer = await bench.ask('GET /');

  expect(values(answer, 'vary')).toEqual(['Origin']);
  expect(values(answer, 'access-control-allow-origin')).toEqual(['*']);
});

it.each([
  ['a foreign origin', LISTED, 'https://evil.example', 403],
  ['a foreign origin when none is listed', {}, PAGE, 403],
  ['the public origin when none is listed', {}, 'https://figma.example.com', 401],
])('answers no preflight of %s', async (_what, overrides, origin, status) => {
  await gateway(overrides);

  const answer = await bench.ask('OPTIONS /mcp', `Origin: ${origin}\r\n${PREFLIGHT}`);

  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(values(answer, 'access-control-[a-z-]+')).toEqual([]);
});

it('leaves everything to the server when no origin is listed', async () => {
  await gateway();
  serverSays = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'X-Own' };

  const answer = await bench.ask('OPTIONS /mcp', `${PREFLIGHT}${BEARER}`);

  expect(values(answer, 'access-control-allow-origin')).toEqual(['*']);
  expect(values(answer, 'access-control-expose-headers')).toEqual(['X-Own']);
  expect(values(answer, 'vary')).toEqual([]);
});
