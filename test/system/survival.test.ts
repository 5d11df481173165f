import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../helpers/free-port.ts';
import { mcpClients } from '../helpers/mcp-clients.ts';
import { listen, startDualEra } from '../helpers/mcp-servers.ts';
import { isAlive, Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

let home: Tunneld;

/** Probes every second, so that a test does not wait half a minute for what it provoked. */
const EAGER = (port: number) => `
tunnels:
  figma:
    port: ${port}
    health: { schedule: '* * * * * *', timeout: 2s }
`;

beforeEach(async () => {
  home = await Tunneld.create();
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

test('a server that stops and starts is server-down, then healthy, on the same session', async () => {
  const port = await freePort();
  let server = await startDualEra({ port });
  try {
    await home.writeConfig(EAGER(port));
    await home.ok('up', '--wait=20s');
    const healthy = await home.until('figma', ({ health }) => health.verdict === 'healthy');

    await server.stop();
    const down = await home.until('figma', ({ health }) => health.verdict === 'server-down');
    expect(down.mcpUrl).toBe(healthy.mcpUrl);
    expect(down.state).toBe('up');
    expect(down.health.remedy).not.toBe('');
    const { url, token } = await home.access('figma');
    const answer = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":7,"method":"ping"}',
    });
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ jsonrpc: '2.0', id: 7, error: { code: -32603 } });

    server = await startDualEra({ port });
    const back = await home.until('figma', ({ health }) => health.verdict === 'healthy');
    expect(back.session?.generation).toBe(healthy.session?.generation);
    expect(back.replacements).toBe(0);
  } finally {
    await server.stop();
  }
});

test('a tunnel whose server is not there yet is kept, and heals when the server starts', async () => {
  const port = await freePort();
  await home.writeConfig(EAGER(port));
  const { code, stdout, stderr } = await home.run('up', 'figma', '--wait=2s');
  expect([1, 5]).toContain(code);
  expect(stdout + stderr).toContain(String(port));
  await home.until('figma', ({ health }) => health.verdict === 'server-down');

  await using _server = await startDualEra({ port });
  const healed = await home.until('figma', ({ health }) => health.verdict === 'healthy');
  expect(healed.replacements).toBe(0);
});

test('a daemon killed in mid-call fails the call honestly, and comes back once, as it was', async () => {
  let calls = 0;
  await using upstream = await listen((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (request.headers['user-agent']?.startsWith('tunneld/') === true) {
      response.end('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
      return;
    }
    calls += 1;
    // A call that is still at it: it announced more than it will ever send.
    response.write('data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n');
  });
  await home.ok('up', 'figma', '--port', String(upstream.port), '--no-wait');
  const before = await home.until('figma', ({ state }) => state === 'up');
  const access = await home.access('figma');

  const request = http.request(access.url, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${access.token}`, 'content-type': 'application/json' },
  });
  request.end('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}}');
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await once(response, 'data');
  const failed = once(response, 'error');
  response.resume();
  await home.kill('SIGKILL');
  await failed;
  expect(response.complete).toBe(false);
  expect(calls).toBe(1);

  await home.ok('daemon', 'start');
  const after = await home.until('figma', ({ state }) => state === 'up');
  expect(after.mcpUrl).toBe(before.mcpUrl);
  expect(await home.access('figma')).toEqual(access);
  const all = JSON.parse((await home.run('status', '--json')).stdout) as unknown[];
  expect(all).toHaveLength(1);
  // The call was not sent again by anybody.
  expect(calls).toBe(1);
});

test('SIGTERM lets a call in flight finish before the daemon goes', async () => {
  let finish: () => void = () => {};
  await using upstream = await listen((request, response) => {
    request.resume();
    if (request.method === 'OPTIONS') {
      response.end();
      return;
    }
    // Half of the answer now, the rest once the daemon was told to stop.
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 10 });
    response.write('first');
    finish = () => response.end('other');
  });
  const { url, token } = await home.up('figma', '--port', String(upstream.port), '--probe', 'tcp');
  const { pid } = await home.daemon();
  const request = http.get(url, { agent: false, headers: { authorization: `Bearer ${token}` } });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const body = text(response);
  process.kill(pid, 'SIGTERM');
  await waitFor(async () => (await home.logs()).includes('SIGTERM'), { what: 'a log line about the signal' });
  expect(isAlive(pid)).toBe(true);
  finish();
  expect(await body).toBe('firstother');
  await waitFor(() => !isAlive(pid), { what: 'the end of the daemon' });
  expect(await home.run('status')).toMatchObject({ code: 4 });
});

test('a client works again right after the daemon came back', async () => {
  await using upstream = await startDualEra();
  const { url, token } = await home.up('figma', '--port', String(upstream.port));
  await home.kill('SIGKILL');
  await home.ok('daemon', 'start');
  await home.until('figma', ({ health }) => health.verdict === 'healthy');
  const [client] = mcpClients;
  const run = await client?.listToolsAndCall(url, token, { name: 'echo', arguments: { text: 'again' } });
  expect(run?.text).toBe('again');
});
