import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { askSlowly, startHeldServer } from '../helpers/held-server.ts';
import { isAlive, Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let home: Tunneld;

beforeEach(async () => {
  home = await Tunneld.create();
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

it.each(['SIGTERM', '`tunneld daemon stop`'])(
  'a daemon that drains after %s answers what is asked, and refuses changes in words',
  async (how) => {
    await using server = await startHeldServer();
    const access = await home.up('figma', `--port=${server.port}`);
    const { pid, healthUrl } = await home.daemon();
    const late = askSlowly(access);
    await server.held();
    if (how === 'SIGTERM') process.kill(pid, 'SIGTERM');
    else expect(await home.spawn(['daemon', 'stop', '--wait=100ms'])).toMatchObject({ code: 5 });
    await waitFor(async () => (await home.daemon()).stopping === true, { what: 'the drain' });

    expect((await home.status('figma')).mcpUrl).toBe(access.url.href);
    expect(await home.ok('daemon', 'status')).toMatch(/^stopping {2}pid/);
    for (const change of [
      ['down', 'figma'],
      ['rm', 'figma'],
    ]) {
      expect(await home.spawn(change)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(
          `DAEMON_STOPPING: The daemon (pid ${pid}) was asked to stop, and is ending`,
        ),
      });
    }
    const why = {
      name: 'daemon',
      state: 'stopping',
      why: 'it finishes what is in flight, and ends',
      fix: '',
    };
    expect(await home.spawn(['ready'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('daemon is stopping: it finishes what is in flight, and ends'),
    });
    const response = await fetch(`${healthUrl}/readyz`);
    expect(response.status).toBe(503);
    expect(((await response.json()) as { reasons: unknown[] }).reasons[0]).toEqual(why);
    // Asked again: it goes on draining.
    expect(await home.spawn(['daemon', 'stop', '--wait=100ms'])).toMatchObject({ code: 5 });

    server.release();
    expect(await late).toBe('200 late');
    await waitFor(() => !isAlive(pid), { timeoutMs: 10_000, what: 'the end of the daemon' });
    expect(await home.run('up', 'figma', '--wait=20s')).toMatchObject({ code: 0 });
  },
);

it('a daemon reads its configuration again on SIGHUP, and goes on', async () => {
  await using server = await startHeldServer();
  await home.up('figma', `--port=${server.port}`);
  const { pid } = await home.daemon();
  process.kill(pid, 'SIGHUP');
  await waitFor(async () => (await home.logs()).includes('config reload asked for'));
  expect(await home.status('figma')).toMatchObject({ state: 'up', session: { generation: 1 } });
  expect((await home.daemon()).pid).toBe(pid);
});

// What other systems call `script` takes other words.
it.runIf(process.platform === 'linux')('a daemon in the foreground of a terminal outlives it', async () => {
  await using server = await startHeldServer();
  const terminal = inTerminal(['daemon', 'run']);
  await waitFor(async () => (await home.run('daemon', 'status')).code === 0, { timeoutMs: 20_000 });
  const { pid } = await home.daemon();
  await terminal.hangUp();
  await waitFor(async () => (await home.logs()).includes('config reload asked for'));
  // With nowhere to print to it still takes commands, and ends in good order.
  await home.up('figma', `--port=${server.port}`);
  expect((await home.daemon()).pid).toBe(pid);
  expect(await home.run('daemon', 'stop')).toMatchObject({ code: 0 });
});

/** The command line as the leader of a terminal of its own, which is gone when it is told to. */
function inTerminal(words: readonly string[]): { hangUp(): Promise<void> } {
  const line = [process.execPath, MAIN, ...words].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['--quiet', '--command', line, '/dev/null'], {
    env: home.env,
    stdio: 'ignore',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    async hangUp() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
