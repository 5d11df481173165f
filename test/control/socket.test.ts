import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ControlClient } from '../../src/control/client.ts';
import { unreachable } from '../../src/control/client-errors.ts';
import { startControlServer } from '../../src/control/server.ts';
import { quiet } from '../helpers/quiet.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';
import { FakeDaemon, statusOf } from './fake-daemon.ts';
import { serving } from './serving.ts';

async function start(socket: string) {
  const server = await startControlServer({ socket, api: new FakeDaemon(), version: '1', log: quiet });
  onTestFinished(() => server.close());
  return server;
}

/** A socket whose owner was killed. */
async function deadSocket(): Promise<string> {
  const socket = join(tempFolder(), 's.sock');
  const script = 'require("net").createServer().listen(process.argv[1], () => console.log("up"))';
  const child = spawn(process.execPath, ['-e', script, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  return socket;
}

async function listening(server: Server, socket: string): Promise<void> {
  server.listen(socket);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
}

describe('the control socket', () => {
  it('is for its owner alone, and gone after the daemon', async () => {
    const { socket, server } = await serving();
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    await server.close();
    expect(existsSync(socket)).toBe(false);
  });

  it('of a killed daemon is replaced', async () => {
    const socket = await deadSocket();
    expect(existsSync(socket)).toBe(true);
    await start(socket);
    expect(await new ControlClient(socket).info()).toMatchObject({ pid: 4711 });
  });

  it('of a live daemon is left alone', async () => {
    const { socket, client } = await serving();
    const error = await thrownBy(() => start(socket));
    expect(error).toMatchObject({ code: 'DAEMON_ALREADY_RUNNING', exitCode: 1 });
    expect(await client.info()).toMatchObject({ pid: 4711 });
  });

  it('does not replace a file or a link somebody keeps there', async () => {
    const folder = tempFolder();
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    symlinkSync(file, join(folder, 'link'));
    for (const path of [file, join(folder, 'link')]) {
      const error = await thrownBy(() => start(path));
      expect(error.code).toBe('SOCKET_UNUSABLE');
      expect(error.message).toBe(`${path} is in the way: it is not a socket`);
    }
    expect(statSync(file).size).toBe(8);
  });

  it('in a folder that does not exist is refused in words', async () => {
    const error = await thrownBy(() => start(join(tempFolder(), 'missing', 's.sock')));
    expect(error.code).toBe('SOCKET_UNUSABLE');
    expect(error.remedy).toContain('TUNNELD_RUNTIME_DIR');
  });

  it('comes back under the same path after a stop', async () => {
    const { socket, server, client } = await serving();
    await server.close();
    await start(socket);
    expect(await client.info()).toMatchObject({ pid: 4711 });
  });
});

describe('a command', () => {
  it.each(['never ran', 'was killed'])('says that no daemon runs when it %s', async (what) => {
    const socket = what === 'was killed' ? await deadSocket() : join(tempFolder(), 's.sock');
    const client = new ControlClient(socket);
    for (const call of [() => client.info(), () => client.events().next()]) {
      const error = await thrownBy(call);
      expect(error).toMatchObject({ code: 'DAEMON_UNREACHABLE', exitCode: 4 });
      expect(error.message).toBe(`No daemon is running (nothing answers on ${socket})`);
    }
  });

  it('gives up on a daemon that hangs', async () => {
    const socket = join(tempFolder(), 's.sock');
    await listening(
      createServer((connection) => onTestFinished(() => void connection.destroy())),
      socket,
    );
    const owner = async () => ({ pid: 4711, since: '', socket });
    const patience = { timeoutMs: 20_000, silenceMs: 50, owner };
    const client = new ControlClient(socket, patience);
    // A change may take long, but not in a daemon that does not even say who it is.
    for (const call of [() => client.info(), () => client.down('figma')]) {
      const error = await thrownBy(call);
      expect(error).toMatchObject({ code: 'DAEMON_SILENT', exitCode: 4 });
      expect(error.message).toMatch(/^The daemon \(pid 4711\) did not answer within \d+ ms$/);
      expect(error.remedy).toContain('kill -9 4711');
    }
  });

  it('waits for a change that takes long in a daemon that answers', async () => {
    const { socket, daemon } = await serving();
    daemon.down = async (name) => {
      await delay(400);
      return statusOf(name);
    };
    const client = new ControlClient(socket, { silenceMs: 100 });
    expect(await client.down('figma')).toMatchObject({ name: 'figma' });
  });

  it('finds the daemon where its lock says it serves', async () => {
    const { socket, client: _ } = await serving();
    const owner = async () => ({ pid: 4711, since: '', socket });
    const client = new ControlClient(join(tempFolder(), 's.sock'), { owner });
    expect(await client.info()).toMatchObject({ pid: 4711 });
  });

  it('waits for the socket of a daemon that is starting', async () => {
    const socket = join(tempFolder(), 's.sock');
    const owner = async () => ({ pid: 4711, since: '', socket, starting: true });
    const asked = new ControlClient(socket, { owner, silenceMs: 20_000 }).info();
    await start(socket);
    expect(await asked).toMatchObject({ pid: 4711 });
  });

  it('says that the daemon runs when its socket is gone for good', async () => {
    const socket = join(tempFolder(), 's.sock');
    const owner = async () => ({ pid: 4711, since: '', socket });
    const error = await thrownBy(() => new ControlClient(socket, { owner }).list());
    expect(error.code).toBe('DAEMON_SILENT');
    expect(error.message).toBe(`The daemon (pid 4711) does not serve its socket (${socket})`);
  });

  it('says so when the daemon goes away in the middle of an answer', async () => {
    const socket = join(tempFolder(), 's.sock');
    await listening(
      createServer((connection) => {
        connection.on('error', () => {});
        connection.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"pid":');
        setImmediate(() => connection.destroy());
      }),
      socket,
    );
    const error = await thrownBy(() => new ControlClient(socket).info());
    expect(error.code).toBe('DAEMON_UNREACHABLE');
    expect(error.message).toMatch(/^The connection to the daemon broke: /);
  });

  it.each([
    [
      'an error code of the future',
      409,
      { error: { code: 'MOON_PHASE', message: 'Wrong moon.', remedy: 'Wait.' } },
      { code: 'DAEMON_FAILED', message: 'Wrong moon. (MOON_PHASE)', remedy: 'Wait.' },
    ],
    [
      'a code that names an object member',
      409,
      { error: { code: 'toString', message: 'Odd.' } },
      { code: 'DAEMON_FAILED', message: 'Odd. (toString)' },
    ],
    ['something that is no daemon', 404, '<html>', { code: 'PROTOCOL_MISMATCH' }],
    ['null', 500, null, { code: 'PROTOCOL_MISMATCH' }],
    ['success that is not JSON', 200, '<html>', { code: 'DAEMON_UNREACHABLE' }],
  ])('survives %s', async (_what, status, body, expected) => {
    const socket = join(tempFolder(), 's.sock');
    const answer = typeof body === 'string' ? body : JSON.stringify(body);
    const server = createHttpServer((_request, response) => response.writeHead(status).end(answer));
    await listening(server, socket);
    expect(await thrownBy(() => new ControlClient(socket).list())).toMatchObject(expected);
  });

  it('says in words that it may not open the socket of another user', () => {
    const error = unreachable(Object.assign(new Error('connect EACCES /s'), { code: 'EACCES' }), '/s');
    expect(error.message).toBe("You may not open /s: the daemon is another user's");
  });
});
