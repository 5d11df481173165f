import http from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen, type TestServer } from '../helpers/mcp-servers.ts';
import { type Access, Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

let home: Tunneld;
let upstream: TestServer;
let access: Access;
let other: Access;
/** Requests that reached the upstream and are no health probes of ours. */
const reached: string[] = [];

beforeAll(async () => {
  upstream = await listen((request, response) => {
    if (request.headers['user-agent']?.startsWith('tunneld/') !== true) reached.push(request.url ?? '');
    request.resume();
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  home = await Tunneld.create();
  access = await home.up('guarded', '--port', String(upstream.port), '--probe', 'http');
  other = await home.up('other', '--port', String(upstream.port), '--probe', 'http');
});

afterAll(async () => {
  await home[Symbol.asyncDispose]();
  await upstream.stop();
});

const WRONG = 'wrong-token-that-must-not-be-logged';

test('a caller with the token gets through', async () => {
  reached.length = 0;
  expect(await post({ authorization: `Bearer ${access.token}` })).toMatchObject({ status: 200 });
  expect(reached).toHaveLength(1);
});

test.each([
  ['without a token', () => ({}), 401],
  ['with a wrong token', () => ({ authorization: `Bearer ${WRONG}` }), 401],
  ['with the token of another tunnel', () => ({ authorization: `Bearer ${other.token}` }), 401],
  ['with a foreign Host', () => ({ ...right(), host: 'evil.example.com' }), 403],
  ['with a foreign Origin', () => ({ ...right(), origin: 'https://evil.example.com' }), 403],
])('a caller %s is refused before the server is touched, and logged', async (_title, headers, status) => {
  reached.length = 0;
  const before = await refusals();
  const answer = await post(headers());
  // The relay may already refuse a Host it does not serve.
  const allowed = status === 403 ? [403, 404, 421] : [status];
  expect(allowed).toContain(answer.status);
  expect(JSON.parse(answer.body)).toMatchObject({ error: expect.anything() });
  expect(reached).toEqual([]);
  await waitFor(async () => (await refusals()) > before, { what: 'a log line about the refusal' });
  const log = await home.logs('guarded', 'other');
  for (const secret of [WRONG, access.token, other.token]) expect(log).not.toContain(secret);
});

function right(): Record<string, string> {
  return { authorization: `Bearer ${access.token}` };
}

/** How many requests the log says were refused. */
async function refusals(): Promise<number> {
  return (await home.logs('guarded', 'other')).match(/"outcome":"refused"/g)?.length ?? 0;
}

function post(headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      access.url,
      { method: 'POST', agent: false, headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    request.on('error', reject);
    request.end('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  });
}
