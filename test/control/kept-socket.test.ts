import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ControlClient } from '../../src/control/client.ts';
import { startControlServer } from '../../src/control/server.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { quiet } from '../helpers/quiet.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { FakeDaemon } from './fake-daemon.ts';

/** A daemon whose socket is in a runtime folder that comes and goes. */
async function daemon() {
  const folder = tempFolder();
  const socket = join(folder, 'run', 's.sock');
  const fallback = join(folder, 'state', 's.sock');
  mkdirSync(dirname(socket), { mode: 0o700 });
  const clock = new FakeClock();
  const moved: string[] = [];
  let forbidden = false;
  const server = await startControlServer({
    socket,
    fallback,
    prepare: (path) => {
      if (forbidden && path === socket) throw new Error('the folder belongs to root');
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    },
    onMoved: (path) => void moved.push(path),
    clock,
    api: new FakeDaemon(),
    version: '1',
    log: quiet,
  });
  onTestFinished(() => server.close());
  return {
    folder,
    socket,
    fallback,
    moved,
    server,
    forbid: (now: boolean) => {
      forbidden = now;
    },
    /** Time goes on until the daemon serves `path`. */
    serves: (path: string) =>
      waitFor(async () => {
        await clock.advance(1_000);
        return (await new ControlClient(path).info().catch(() => undefined))?.pid === 4711;
      }),
  };
}

it('serves again when the socket, or its folder, was removed under it', async () => {
  const { socket, moved, serves } = await daemon();
  rmSync(socket);
  await serves(socket);
  rmSync(dirname(socket), { recursive: true });
  await serves(socket);
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  expect(moved).toEqual([socket, socket]);
});

it('serves elsewhere while the folder cannot be had, and comes back when it can', async () => {
  const { socket, fallback, moved, forbid, serves } = await daemon();
  forbid(true);
  rmSync(dirname(socket), { recursive: true });
  await serves(fallback);
  forbid(false);
  await serves(socket);
  expect(moved).toEqual([fallback, socket]);
  await waitFor(() => !existsSync(fallback), { what: 'the end of the other socket' });
});

it('leaves the socket of a successor alone, while it runs and when it ends', async () => {
  const { socket, server, moved } = await daemon();
  rmSync(socket);
  const successor = await startControlServer({ socket, api: new FakeDaemon(), version: '2', log: quiet });
  onTestFinished(() => successor.close());
  const { ino } = lstatSync(socket);
  await server.close();
  expect(lstatSync(socket).ino).toBe(ino);
  expect(moved).toEqual([]);
  expect(await new ControlClient(socket).info()).toMatchObject({ pid: 4711 });
});

it('answers to the end what was asked over the socket that went away', async () => {
  const { socket, serves } = await daemon();
  const lines: string[] = [];
  const call = request({ socketPath: socket, path: '/v1/events', headers: { 'tunneld-protocol': '1' } });
  call.on('response', (response) => response.setEncoding('utf8').on('data', (text) => lines.push(text)));
  call.on('error', () => {});
  call.end();
  await waitFor(() => lines.length > 0);
  rmSync(socket);
  await serves(socket);
  expect(call.destroyed).toBe(false);
});

it('is never seen by others before it is closed to them', async () => {
  const folder = tempFolder();
  chmodSync(folder, 0o755);
  const mask = process.umask(0);
  onTestFinished(() => void process.umask(mask));
  const socket = join(folder, 's.sock');
  const server = await startControlServer({ socket, api: new FakeDaemon(), version: '1', log: quiet });
  onTestFinished(() => server.close());
  expect(statSync(socket).mode & 0o777).toBe(0o600);
});
