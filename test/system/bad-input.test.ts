import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../helpers/free-port.ts';
import { startDualEra } from '../helpers/mcp-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';

let home: Tunneld;

beforeEach(async () => {
  home = await Tunneld.create();
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

describe('a command line that makes no sense', () => {
  test.each([
    { typed: ['upp', 'figma', '--port', '3845'], says: /\bup\b/ },
    { typed: ['up', 'figma', '--port', '70000'], says: /70000|65535/ },
    { typed: ['up', 'figma', '--port', 'many'], says: /many|port/ },
    { typed: ['up', 'figma', '--prot', '3845'], says: /--port/ },
    { typed: ['up', 'Figma_1', '--port', '3845'], says: /lower-case/ },
    { typed: ['up', 'figma', '--url', 'http://192.0.2.1:3845/mcp'], says: /--allow-remote-upstream/ },
    { typed: ['up', 'figma', '--url', 'ftp://127.0.0.1/'], says: /http/ },
    { typed: ['up', 'figma', '--port', '3845', '--provider', 'carrier-pigeon'], says: /carrier-pigeon/ },
  ])('`tunneld $typed` ends with 2 and a remedy, and changes nothing', async ({ typed, says }) => {
    const { code, stdout, stderr } = await home.run(...typed);
    expect(stderr).toMatch(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(await tunnels()).toEqual([]);
  });

  test('a verb about a tunnel nobody made ends with 3 and says what lists them', async () => {
    await home.ok('daemon', 'start');
    for (const verb of ['status', 'url', 'down', 'restart', 'inspect', 'rm', 'token show', 'token rotate']) {
      const { code, stderr } = await home.spawn([...verb.split(' '), 'nobody']);
      expect({ verb, code }).toEqual({ verb, code: 3 });
      expect(stderr).toContain('nobody');
      expect(stderr).toContain('tunneld ps');
    }
  });

  test('`tunneld status` without a daemon ends with 4 and says how to start one', async () => {
    const { code, stderr } = await home.run('status');
    expect(code).toBe(4);
    expect(stderr).toContain('tunneld daemon start');
  });
});

test('a config file with mistakes names all of them, each with its place', async () => {
  await home.writeConfig('tunnels:\n  figma:\n    prot: 3845\n  Bad_Name:\n    port: 99999\n');
  const { code, stdout, stderr } = await home.run('config', 'check');
  const said = stdout + stderr;
  expect(code).toBe(2);
  expect(said).toContain('prot');
  expect(said).toContain('Bad_Name');
  expect(said).toMatch(/\b3:5\b/);
  expect(said).toMatch(/\b4:3\b/);
});

test('a config file that is not YAML names the line', async () => {
  await home.writeConfig('tunnels:\n  figma: { port: 3845\n  other: ]\n');
  const { code, stdout, stderr } = await home.run('config', 'check');
  expect(code).toBe(2);
  expect(stdout + stderr).toMatch(/\b[23]:\d+\b/);
});

describe('a daemon that cannot start says why', () => {
  test('when its socket folder cannot be used', async () => {
    const file = path.join(home.folder, 'a-file');
    await writeFile(file, '');
    const run = await home.spawn(['daemon', 'start'], { TUNNELD_RUNTIME_DIR: path.join(file, 'run') });
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('TUNNELD_RUNTIME_DIR');
  });

  test.each(['TUNNELD_DAEMON_RELAY_PORT', 'TUNNELD_HEALTH_PORT'])(
    'when the port of %s is taken',
    async (variable) => {
      const squatter = net.createServer().listen(0, '127.0.0.1');
      await once(squatter, 'listening');
      const { port } = squatter.address() as AddressInfo;
      try {
        const run = await home.spawn(['daemon', 'start'], { [variable]: String(port) });
        // Not 2: what holds the port may be gone a moment later.
        expect(run.code).toBe(1);
        expect(run.stderr).toContain(String(port));
      } finally {
        squatter.close();
      }
    },
  );

  test('when another one runs, and who that is', async () => {
    await home.ok('daemon', 'start');
    const { pid } = await home.daemon();
    const { code, stderr } = await home.run('daemon', 'run');
    expect(code).toBe(1);
    expect(stderr).toContain(String(pid));
    expect((await home.daemon()).pid).toBe(pid);
  });

  test('`daemon start` twice is no mistake', async () => {
    await home.ok('daemon', 'start');
    const { pid } = await home.daemon();
    await home.ok('daemon', 'start');
    expect((await home.daemon()).pid).toBe(pid);
  });
});

test('a state file that is broken is kept aside and said so, and its last good copy goes on', async () => {
  await using server = await startDualEra();
  await home.up('figma', '--port', String(server.port));
  await home.kill('SIGTERM');
  await writeFile(path.join(home.stateDir, 'state.json'), '{ "tunnels": ');
  await home.ok('daemon', 'start');
  const { alerts = [] } = await home.daemon();
  expect(alerts.join('\n')).toMatch(/state\.json/);
  expect((await readdir(home.stateDir)).length).toBeGreaterThan(1);
  await home.up('again', '--port', String(server.port));
  expect((await tunnels()).toSorted()).toEqual(['again', 'figma']);
});

describe('an upstream that is no MCP server', () => {
  test('and speaks TLS is named as such', async () => {
    // Without a certificate every handshake fails, after the first bytes that give TLS away.
    const server = tls
      .createServer({})
      .on('tlsClientError', () => {})
      .listen(0, '127.0.0.1');
    await expectCause(server, /TLS|HTTPS/i);
  });

  test('and speaks no HTTP is named as such', async () => {
    const server = net
      .createServer((socket) => {
        socket.on('error', () => {});
        socket.end('SSH-2.0-OpenSSH_9.2\r\n');
      })
      .listen(0, '127.0.0.1');
    await expectCause(server, /HTTP/);
  });

  async function expectCause(server: net.Server, cause: RegExp): Promise<void> {
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const { code } = await home.run('up', 'odd', '--port', String(port), '--wait=3s');
      expect([1, 5]).toContain(code);
      const { health, replacements } = await home.status('odd');
      expect(`${health.cause} ${health.local?.detail ?? ''}`).toMatch(cause);
      expect(replacements).toBe(0);
    } finally {
      server.close();
    }
  }
});

test('a path that is not the MCP endpoint is a mistake of the configuration, never a restart', async () => {
  await using server = await startDualEra();
  const { code } = await home.run(
    'up',
    'lost',
    '--url',
    `http://127.0.0.1:${await freePort()}/mcp`,
    '--wait=1s',
  );
  expect([1, 5]).toContain(code);
  await home.ok('up', 'lost', '--port', String(server.port), '--wait=20s');
  expect((await home.status('lost')).upstream).toContain(String(server.port));
});

async function tunnels(): Promise<readonly string[]> {
  const { code, stdout } = await home.run('status', '--json');
  // No daemon was started, so there is nothing to list.
  if (code === 4) return [];
  return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
}
