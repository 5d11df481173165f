import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDualEra, type TestServer } from '../helpers/mcp-servers.ts';
import { processes } from '../helpers/processes.ts';
import { Tunneld } from '../helpers/tunneld.ts';

const FROM_FILE = 'marker-from-a-file-0123456789abcdefghijklmn';
const FROM_ENVIRONMENT = 'marker-from-the-environment-0123456789abcdef';
const MISTYPED = 'marker-typed-by-a-stranger-0123456789abcdefg';

let home: Tunneld;
let upstream: TestServer;
let made: string;

beforeAll(async () => {
  upstream = await startDualEra();
  home = await Tunneld.create();
  const file = path.join(home.folder, 'token.txt');
  await writeFile(file, `${FROM_FILE}\n`, { mode: 0o600 });
  await home.writeConfig(`
tunnels:
  from-file: { port: ${upstream.port}, access: { token: 'file:${file}' } }
  from-environment: { port: ${upstream.port}, access: { token: 'env:MARKER' } }
`);
  home.env['MARKER'] = FROM_ENVIRONMENT;
  await home.ok('up', '--wait=20s');
  made = (await home.up('made', '--port', String(upstream.port))).token;
  // Traffic with each secret, right and wrong, in every carrier that can end up in a log.
  for (const [name, token] of [
    ['from-file', FROM_FILE],
    ['from-environment', FROM_ENVIRONMENT],
    ['made', made],
  ] as const) {
    const { url } = await home.access(name);
    const secretPath = new URL(url);
    secretPath.pathname = secretPath.pathname.replace(/\/mcp$/, `/t/${token}/mcp`);
    for (const target of [url, secretPath, new URL(`?token=${token}`, url)]) {
      await post(target, token);
      await post(target, MISTYPED);
    }
  }
});

afterAll(async () => {
  await home[Symbol.asyncDispose]();
  await upstream.stop();
});

test('each secret works, so that what follows looks for the right thing', async () => {
  for (const [name, token] of [
    ['from-file', FROM_FILE],
    ['from-environment', FROM_ENVIRONMENT],
    ['made', made],
  ] as const) {
    expect(await post((await home.access(name)).url, token)).toBe(200);
  }
});

test.each([
  ['status'],
  ['status', '--json'],
  ['inspect', 'made', '--json'],
  ['inspect', 'from-file', '--json'],
  ['inspect', 'from-environment', '--json'],
  ['logs', 'made', '-n', '1000'],
  ['logs', 'from-file', '-n', '1000', '--json'],
  ['logs', 'from-environment', '-n', '1000'],
  ['config', 'show'],
  ['config', 'check'],
  ['daemon', 'status', '--json'],
  ['up', 'made', '--port', '99999'],
])('`tunneld %s %s %s` prints no secret', async (...args) => {
  const { stdout, stderr } = await home.run(...args);
  expectNoSecret(stdout + stderr);
  expect(stdout + stderr).not.toBe('');
});

test('no log file holds a secret, and none can be read by others', async () => {
  const files = await readdir(home.logDir);
  expect(files).toContain('made.log');
  for (const name of files) {
    const file = path.join(home.logDir, name);
    expectNoSecret(await readFile(file, 'utf8'));
    expect((await stat(file)).mode & 0o077, `${name} is private`).toBe(0);
  }
});

test('health and metrics hold no secret', async () => {
  const { healthUrl } = await home.daemon();
  for (const page of ['/healthz', '/readyz', '/readyz?tunnel=made', '/metrics']) {
    expectNoSecret(await (await fetch(new URL(page, healthUrl))).text());
  }
});

test('no process shows a secret in its arguments, nor the daemon in its environment', async () => {
  const all = await processes();
  for (const { arguments: words } of all) expectNoSecret(words);
  const { pid } = await home.daemon();
  const environment = all.find((process) => process.pid === pid)?.environment ?? '';
  expect(environment).toContain(home.folder);
  // The user's own variable is there because the user put it there.
  for (const secret of [made, FROM_FILE]) expect(environment).not.toContain(secret);
});

test('the state file and the socket are for the user alone', async () => {
  const { socket } = await home.daemon();
  for (const file of [path.join(home.stateDir, 'state.json'), socket]) {
    expect((await stat(file)).mode & 0o077, `${file} is private`).toBe(0);
  }
  for (const folder of [home.stateDir, home.runtimeDir, home.logDir]) {
    expect((await stat(folder)).mode & 0o077, `${folder} is private`).toBe(0);
  }
});

test('secrets that came by reference are not copied into the state', async () => {
  const state = await readFile(path.join(home.stateDir, 'state.json'), 'utf8');
  for (const secret of [FROM_FILE, FROM_ENVIRONMENT, MISTYPED]) expect(state).not.toContain(secret);
});

function expectNoSecret(text: string): void {
  for (const secret of [made, FROM_FILE, FROM_ENVIRONMENT, MISTYPED]) expect(text).not.toContain(secret);
}

async function post(url: URL, token: string): Promise<number> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}',
  });
  await answer.text();
  return answer.status;
}
