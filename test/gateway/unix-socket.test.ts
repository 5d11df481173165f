import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NetworkLegs } from '../../src/health/legs.ts';
import { legsOptions, never } from '../health/fixtures.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { BEARER, Bench } from './setup.ts';

let socketPath: string;
let server: http.Server | undefined;

beforeEach(() => {
  socketPath = join(tempFolder(), 'mcp.sock');
});

afterEach(() => {
  server?.close();
  server = undefined;
});

async function serve(): Promise<void> {
  server = http.createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32601, message: request.headers.host } }),
    );
  });
  server.listen(socketPath);
  await once(server, 'listening');
}

const UPSTREAM = {
  protocol: 'http:',
  host: 'localhost',
  port: 0,
  hostHeader: 'localhost',
  path: '/mcp',
} as const;

it('carries the traffic of a server that listens on a Unix socket', async () => {
  await serve();
  const bench = await new Bench(0, { upstream: { ...UPSTREAM, socketPath } }).listen();
  const answer = await bench.ask('POST /mcp', `${BEARER}Content-Length: 2\r\n`, '{}');
  expect(answer).toContain('HTTP/1.1 200');
  expect(answer).toContain('"localhost"');
  await bench.end();
});

it('says which socket it is that nobody serves', async () => {
  const bench = await new Bench(0, { upstream: { ...UPSTREAM, socketPath } }).listen();
  const answer = await bench.ask('GET /mcp');
  expect(answer).toContain('HTTP/1.1 502');
  expect(answer).toContain(`unix:${socketPath}`);
  await bench.end();
});

it('is probed over the same socket', async () => {
  const options = {
    ...legsOptions(new URL('http://localhost:1/mcp')),
    upstream: { ...UPSTREAM, socketPath },
  };
  const legs = new NetworkLegs(options);
  expect(await legs.local(never)).toMatchObject({
    finding: 'refused',
    detail: `nothing listens on unix:${socketPath}`,
  });
  await serve();
  expect(await legs.listening(never)).toBe(true);
  expect(await legs.local(never)).toMatchObject({ finding: 'ok' });
  await legs.close();
});

it.skipIf(process.getuid?.() === 0)('that the daemon may not open is no fault of the server', async () => {
  await serve();
  chmodSync(socketPath, 0o000);
  const options = {
    ...legsOptions(new URL('http://localhost:1/mcp')),
    upstream: { ...UPSTREAM, socketPath },
  };
  const legs = new NetworkLegs(options);
  expect(await legs.local(never)).toMatchObject({ finding: 'not-permitted' });
  await legs.close();
});
