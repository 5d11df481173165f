import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mcpClients } from '../helpers/mcp-clients.ts';
import { startEverything } from '../helpers/mcp-servers.ts';
import { type ProcessInfo, processes } from '../helpers/processes.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { INITIALIZE, post } from '../servers/stage.ts';

const SERVER = fileURLToPath(new URL('../servers/programs/server.mjs', import.meta.url));
const EVERYTHING = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/server-everything/dist/index.js', import.meta.url),
);

let home: Tunneld;

beforeEach(async () => {
  home = await Tunneld.create();
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

/** The processes of this test's servers: each has the mark among its arguments. */
const running = async (mark: string): Promise<readonly ProcessInfo[]> =>
  (await processes()).filter(({ arguments: words }) => words.includes('server.mjs') && words.includes(mark));

/** The process that holds the programs of this daemon. */
const hosts = async () =>
  (await processes()).filter(({ arguments: words }) => words.includes(`${home.runtimeDir}/srv/groups`));

const gone = (mark: string) =>
  waitFor(async () => (await running(mark)).length === 0, { what: 'the programs to be gone' });

const only = async (found: Promise<readonly ProcessInfo[]>): Promise<number> => {
  const [first, ...more] = await found;
  expect(more).toEqual([]);
  return first?.pid ?? 0;
};

test.each(mcpClients.filter(({ name }) => name === 'SDK v2 auto' || name === 'mcp-remote'))(
  '$name calls a program through its tunnel',
  async (client) => {
    const { url, token } = await home.up('every', '--', process.execPath, EVERYTHING, 'stdio');
    const call = { name: 'echo', arguments: { message: 'hi' } };
    expect((await client.listToolsAndCall(url, token, call)).text).toContain('hi');
    const { health } = await home.until('every', ({ health }) => health.verdict === 'healthy');
    expect(health.server).toContain('everything');
    expect(['process', 'traffic']).toContain(health.local?.basis);
  },
);

test('a program runs in the folder where it was typed, with what was named, and no secret is told', async () => {
  home.env['MY_KEY'] = 'a-very-secret-value';
  const { url, token } = await home.up(
    'files',
    '--env',
    'MY_KEY',
    '--',
    process.execPath,
    SERVER,
    'exits-not',
  );
  const bearer = { authorization: `Bearer ${token}` };
  const opened = await post(url, INITIALIZE, bearer);
  const session = { ...bearer, 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'env', arguments: {} } };
  const { content } = (await post(url, call, session)).json().result as { content: { text: string }[] };
  const { env, cwd } = JSON.parse(content[0]?.text ?? '') as { env: Record<string, string>; cwd: string };
  expect(env['MY_KEY']).toBe('a-very-secret-value');
  expect(env['TUNNELD_STATE_DIR']).toBeUndefined();
  expect(cwd).toBe(home.folder);
  for (const args of [
    ['inspect', 'files'],
    ['status', '--json'],
    ['logs', 'files'],
    ['config', 'show'],
  ]) {
    const { stdout, stderr } = await home.run(...args);
    expect(stdout + stderr).not.toContain('a-very-secret-value');
  }
});

test('a secret in the command line is refused', async () => {
  const { code, stderr } = await home.run('up', 'files', '--env', 'API_KEY=abc', '--', 'x');
  expect(code).toBe(2);
  expect(stderr).toContain('--env API_KEY');
});

test('a program that is not there is a mistake of the configuration, and nothing of it is left', async () => {
  const { code, stdout, stderr } = await home.run('up', 'files', '--wait=15s', '--', '/no/such/program');
  expect(code).toBe(1);
  expect(stdout + stderr).toContain('The program /no/such/program is not there'.slice(4));
  expect((await home.run('doctor')).stdout).toContain('not-started');
  await home.ok('down', 'files');
  await waitFor(async () => (await hosts()).length === 0, { what: 'the host to end with the last program' });
});

test('a restart starts the program anew, and an edit of nothing does not', async () => {
  const mark = `again-${process.pid}`;
  const command = ['--process', 'shared', '--', process.execPath, SERVER, mark];
  await home.up('files', ...command);
  const first = await only(running(mark));
  await home.ok('up', 'files', ...command);
  expect(await only(running(mark))).toBe(first);
  await home.ok('restart', 'files');
  await waitFor(async () => (await running(mark)).some(({ pid }) => pid !== first), {
    what: 'another process',
  });
  expect(await only(running(mark))).not.toBe(first);
  await home.ok('set', 'files', '--port', '9', '--no-wait');
  await gone(mark);
});

test('a server of legacy HTTP+SSE is Streamable HTTP through its tunnel', async () => {
  await using server = await startEverything({ transport: 'sse' });
  const { url, token } = await home.up('notes', '--sse', server.url.href);
  const [client] = mcpClients;
  const call = { name: 'echo', arguments: { message: 'hi' } };
  expect((await client?.listToolsAndCall(url, token, call))?.text).toContain('hi');
  expect(server.sessionsOpened()).toBe(1);
});

test('no program outlives the daemon, its host, or both, however they end', async () => {
  const mark = `well-${process.pid}`;
  const { url, token } = await home.up('files', '--process', 'shared', '--', process.execPath, SERVER, mark);
  const bearer = { authorization: `Bearer ${token}` };
  await waitFor(async () => (await running(mark)).length === 1, { what: 'the program' });

  const first = await only(running(mark));
  process.kill(await only(hosts()), 'SIGKILL');
  await waitFor(async () => (await running(mark)).every(({ pid }) => pid !== first), { what: 'its end' });
  await home.until('files', ({ health }) => health.verdict === 'healthy');
  await waitFor(async () => (await post(url, INITIALIZE, bearer)).status === 200, { what: 'another host' });

  const daemon = Number((JSON.parse(await home.ok('daemon', 'status', '--json')) as { pid: number }).pid);
  process.kill(daemon, 'SIGKILL');
  await gone(mark);
  await waitFor(async () => (await hosts()).length === 0, { what: 'the host to end' });

  await home.ok('daemon', 'start');
  await waitFor(async () => (await running(mark)).length === 1, { what: 'the program of the next daemon' });
  const next = Number((JSON.parse(await home.ok('daemon', 'status', '--json')) as { pid: number }).pid);
  const host = await only(hosts());
  // A program that does not end with its input is the one that would stay.
  process.kill(await only(running(mark)), 'SIGSTOP');
  process.kill(next, 'SIGSTOP');
  process.kill(host, 'SIGKILL');
  process.kill(next, 'SIGKILL');
  const stopped = await only(running(mark));
  await home.ok('daemon', 'start');
  await waitFor(async () => (await running(mark)).every(({ pid }) => pid !== stopped), {
    what: 'the next daemon to end what was left',
  });
  await home.ok('daemon', 'stop');
  await gone(mark);
}, 120_000);
