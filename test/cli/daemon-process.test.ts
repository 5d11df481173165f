import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { isRunning } from '../../src/cli/is-running.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { Console } from './console.ts';
import { ScriptedDaemon } from './scripted-daemon.ts';

const PROGRAM = fileURLToPath(new URL('./fake-daemon-program.mjs', import.meta.url));

/** A user whose daemon program does what `mode` says. Whatever it starts is ended with the test. */
function userWith(mode: string) {
  const user = new Console();
  const notes = join(user.folder, 'notes');
  user.daemonProgram = PROGRAM;
  Object.assign(user.env, { FAKE_DAEMON: mode, FAKE_NOTES: notes, TUNNELD_NO_AUTOSTART: '' });
  const started = () =>
    existsSync(notes)
      ? readFileSync(notes, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [];
  onTestFinished(() => {
    for (const { pid } of started()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  });
  return { user, started };
}

it('starts the daemon detached, away from the folder of the caller, and tells who it is', async () => {
  const { user, started } = userWith('ready');
  const daemon = new ScriptedDaemon();
  const starting = user.type('daemon', 'start', '--json');
  // The real daemon serves its socket before it says that it is ready; here the test does.
  await waitFor(() => started().length === 1);
  const outcome = await starting;
  expect(outcome.code).toBe(4);
  expect(started()).toMatchObject([{ argv: ['--ready-fd', '3'], cwd: '/' }]);
  expect(await isRunning(started()[0].pid)).toBe(true);

  await user.serve(daemon);
  expect(await user.json('daemon', 'start')).toEqual({
    started: false,
    pid: process.pid,
    version: '9.9.9',
    startedAt: '2026-01-01T00:00:00.000Z',
  });
  expect(started()).toHaveLength(1);
});

it.each([
  { mode: 'refuses', code: 2, says: ['PORT_IN_USE: port 7575 is taken', 'fix     Free it.'] },
  { mode: 'news', code: 4, says: ['DAEMON_START_FAILED: something new', 'fix     Wait.'] },
  { mode: 'babbles', code: 4, says: ['DAEMON_START_FAILED', 'hello'] },
  { mode: 'crashes', code: 4, says: ['with exit code 7', 'line one', 'SyntaxError: nothing works'] },
  { mode: 'hangs', code: 4, says: ['not ready after 15 s'] },
])('reports a daemon that $mode in words, and leaves none behind', async ({ mode, code, says }) => {
  const { user, started } = userWith(mode);
  const outcome = await user.type('daemon', 'start');
  expect(outcome).toMatchObject({ code, stdout: '' });
  for (const words of says) expect(outcome.stderr).toContain(words);
  await waitFor(async () => !(await isRunning(started()[0].pid)));
});

it('quotes only what this start printed', async () => {
  const { user } = userWith('crashes');
  await user.type('daemon', 'start');
  const { stderr } = await user.type('daemon', 'start');
  expect(stderr.match(/SyntaxError/g)).toHaveLength(1);
});

it('uses the daemon of another command that was faster', async () => {
  const { user, started } = userWith('rival');
  const coming = user.type('up', 'figma', '--port', '3845');
  await waitFor(() => started().length === 1);
  await user.serve(new ScriptedDaemon());
  expect(await coming).toMatchObject({ code: 0, stderr: '' });
  expect(started()).toHaveLength(1);
});

it('reports a rival that never answers', async () => {
  const { user } = userWith('rival');
  const { code, stderr } = await user.type('up', 'figma', '--port', '3845');
  expect(code).toBe(1);
  expect(stderr).toContain('DAEMON_ALREADY_RUNNING: pid 1 is running');
});

it('does not start a daemon for a mistake it can see by itself', async () => {
  const { user, started } = userWith('ready');
  expect((await user.type('up', 'figma', '--port', '99999')).code).toBe(2);
  expect((await user.type('status')).code).toBe(4);
  expect(started()).toEqual([]);
});

it('stops the daemon and waits until it is gone', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  onTestFinished(() => void child.kill('SIGKILL'));
  const daemon = new ScriptedDaemon();
  daemon.pid = child.pid ?? 0;
  daemon.onStop = () => setTimeout(() => child.kill(), 100);
  const user = await Console.with(daemon);
  expect(await user.type('daemon', 'stop')).toEqual({
    code: 0,
    stdout: `The daemon (pid ${child.pid}) has stopped`,
    stderr: '',
  });
  // Its parent, this test, may not have collected it yet.
  expect(await isRunning(child.pid ?? 0)).toBe(false);
});

it('exits with 5 when the daemon is still there after the wait, and says how to end it', async () => {
  const user = await Console.with(new ScriptedDaemon());
  const { code, stdout, stderr } = await user.type('daemon', 'stop', '--wait=1s');
  expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
  expect(stderr).toContain(`kill ${process.pid}`);
});

it('is content when there is nothing to stop', async () => {
  expect(await new Console().type('daemon', 'stop')).toEqual({
    code: 0,
    stdout: 'No daemon was running',
    stderr: '',
  });
});

it('exits with 2 when the daemon in the foreground has a bad configuration', async () => {
  const { user } = userWith('bad-config');
  expect((await user.type('daemon', 'run')).code).toBe(2);
});
