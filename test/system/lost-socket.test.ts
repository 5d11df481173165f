import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isRunning } from '../../src/cli/is-running.ts';
import { askSlowly, startHeldServer } from '../helpers/held-server.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

let home: Tunneld;

beforeEach(async () => {
  home = await Tunneld.create();
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

it.each(['the socket', 'the runtime folder'])(
  'every verb finds the daemon after %s was removed under it',
  async (what) => {
    await home.ok('daemon', 'start');
    const { pid, socket } = await home.daemon();
    for (const verb of [
      ['daemon', 'status'],
      ['up', 'figma', '--port=1', '--no-wait'],
      ['url', 'figma'],
    ]) {
      rmSync(what === 'the socket' ? socket : home.runtimeDir, { recursive: true, force: true });
      expect(await home.spawn(verb)).toMatchObject({ code: 0, stderr: '' });
    }
    expect((await home.daemon()).pid).toBe(pid);
    rmSync(what === 'the socket' ? socket : home.runtimeDir, { recursive: true, force: true });
    expect(await home.ok('daemon', 'stop')).toBe(`The daemon (pid ${pid}) has stopped\n`);
    expect(await isRunning(pid)).toBe(false);
  },
);

it('a command with another runtime folder, as of a cron job, finds the daemon too', async () => {
  await home.ok('daemon', 'start');
  const { pid } = await home.daemon();
  const cron = { TUNNELD_RUNTIME_DIR: path.join(home.folder, 'another') };
  expect((await home.spawn(['daemon', 'status'], cron)).stdout).toContain(`pid ${pid}`);
  expect((await home.spawn(['daemon', 'start'], cron)).stdout).toContain('was running already');
  expect(await home.spawn(['daemon', 'stop'], cron)).toMatchObject({ code: 0 });
  expect(await isRunning(pid)).toBe(false);
});

it('`daemon stop` never says that none runs while one serves and does not answer', async () => {
  await home.ok('daemon', 'start');
  const { pid, socket } = await home.daemon();
  process.kill(pid, 'SIGSTOP');
  const answers = [await home.spawn(['status']), await home.spawn(['daemon', 'stop', '--wait=100ms'])];
  rmSync(socket);
  answers.push(await home.spawn(['daemon', 'stop', '--wait=100ms']));
  for (const { stderr } of answers) expect(stderr).toContain(`kill -9 ${pid}`);
  expect(answers.map(({ code }) => code)).toEqual([4, 5, 5]);
  process.kill(pid, 'SIGCONT');
  await waitFor(async () => !(await isRunning(pid)), { timeoutMs: 20_000, what: 'the end it was asked for' });
  expect(await home.spawn(['daemon', 'stop'])).toMatchObject({ code: 0, stdout: 'No daemon was running\n' });
});

it('`daemon start` waits for a daemon that drains, and starts the next one', async () => {
  await using server = await startHeldServer();
  const access = await home.up('figma', `--port=${server.port}`);
  const { pid } = await home.daemon();
  const late = askSlowly(access);
  await server.held();
  expect(await home.spawn(['daemon', 'stop', '--wait=100ms'])).toMatchObject({ code: 5 });
  const next = home.run('daemon', 'start');
  server.release();
  expect(await late).toBe('200 late');
  expect((await next).stdout).toMatch(/^The daemon is running \(pid \d+\)/);
  expect((await home.daemon()).pid).not.toBe(pid);
});
