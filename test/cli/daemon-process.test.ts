import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { startDaemon } from '../../src/cli/daemon-process.ts';
import { isRunning } from '../../src/cli/is-running.ts';
import { resolvePaths } from '../../src/config/paths.ts';
import { startTimeOf } from '../../src/core/process-identity.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
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

/** A user in whose state folder the lock of a daemon lies. */
function userWithLock() {
  const user = new Console();
  user.silenceMs = 300;
  const { lockFile, socket } = resolvePaths(user.env);
  const lock = (pid: number, startTime = startTimeOf(pid)) => {
    mkdirSync(dirname(lockFile), { recursive: true });
    writeFileSync(lockFile, JSON.stringify({ pid, startTime, since: '2026-01-01', socket }));
  };
  return { user, lock };
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
  { mode: 'refuses', code: 1, says: ['PORT_IN_USE: port 7575 is taken', 'fix     Free it.'] },
  { mode: 'news', code: 4, says: ['DAEMON_START_FAILED: something new', 'fix     Wait.'] },
  { mode: 'babbles', code: 4, says: ['DAEMON_START_FAILED', 'hello'] },
  { mode: 'crashes', code: 4, says: ['with exit code 7', 'line one', 'SyntaxError: nothing works'] },
  { mode: 'hangs', code: 4, says: ['did not get on within 60 s', 'it was reading its configuration'] },
])('reports a daemon that $mode in words, and leaves none behind', async ({ mode, code, says }) => {
  const { user, started } = userWith(mode);
  const outcome = await user.type('daemon', 'start');
  expect(outcome).toMatchObject({ code, stdout: '' });
  for (const words of says) expect(outcome.stderr).toContain(words);
  await waitFor(async () => !(await isRunning(started()[0].pid)));
});

it('waits for a slow daemon as long as it gets on, and says what it is doing', async () => {
  const { user } = userWith('slow');
  const clock = new FakeClock();
  const steps: string[] = [];
  const starting = startDaemon(PROGRAM, resolvePaths(user.env), user.env, clock, (doing) => {
    steps.push(doing);
  });
  for (const doing of ['reading its configuration', 'opening its ports', 'bringing its tunnels back']) {
    await clock.advance(59_000);
    appendFileSync(`${user.env['FAKE_NOTES']}.steps`, `${doing}\n`);
    await waitFor(() => steps.at(-1) === doing);
  }
  appendFileSync(`${user.env['FAKE_NOTES']}.steps`, 'ready\n');
  expect(await starting).toBeGreaterThan(0);
  expect(clock.pending).toBe(0);
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

it('finds a daemon without a socket by its lock, ends it by a signal, and says so', async () => {
  const { user, lock } = userWithLock();
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  onTestFinished(() => void child.kill('SIGKILL'));
  lock(child.pid ?? 0);
  const { code, stdout, stderr } = await user.type('daemon', 'stop');
  expect({ code, stdout }).toEqual({ code: 0, stdout: `The daemon (pid ${child.pid}) has stopped` });
  expect(stderr).toContain('asked to end by a signal');
  expect(await isRunning(child.pid ?? 0)).toBe(false);
});

it('never says that none runs while one that takes no signal does', async () => {
  const { user, lock } = userWithLock();
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  onTestFinished(() => void child.kill('SIGKILL'));
  lock(child.pid ?? 0);
  process.kill(child.pid ?? 0, 'SIGSTOP');
  const { code, stdout, stderr } = await user.type('daemon', 'stop', '--wait=1s');
  expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
  expect(stderr).toContain(`kill -9 ${child.pid}`);
  for (const verb of [['status'], ['ready'], ['down', 'figma'], ['up', 'figma', '--port', '3845']]) {
    const outcome = await user.type(...verb);
    expect(outcome).toMatchObject({ code: 4, stderr: expect.stringContaining('DAEMON_SILENT') });
    expect(outcome.stderr).toContain(`pid ${child.pid}`);
  }
});

it('signals nobody who was given the pid of a daemon that is gone', async () => {
  const { user, lock } = userWithLock();
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  onTestFinished(() => void child.kill('SIGKILL'));
  lock(child.pid ?? 0, 'another boot/1');
  expect(await user.type('daemon', 'stop')).toMatchObject({ code: 0, stdout: 'No daemon was running' });
  expect(await isRunning(child.pid ?? 0)).toBe(true);
});

it('starts the next daemon when the one that is ending has ended', async () => {
  const { user, started } = userWith('ready');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  onTestFinished(() => void child.kill('SIGKILL'));
  const daemon = new ScriptedDaemon();
  daemon.pid = child.pid ?? 0;
  daemon.stopping = true;
  await user.serve(daemon);
  const starting = user.type('daemon', 'start');
  await waitFor(() => user.progress.some((text) => text.includes(`pid ${child.pid}`)));
  expect(started()).toEqual([]);
  child.kill();
  await starting;
  expect(started()).toHaveLength(1);
});

it('restarts the daemon under the config file of the last one', async () => {
  const { user, started } = userWith('ready');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  onTestFinished(() => void child.kill('SIGKILL'));
  const daemon = new ScriptedDaemon();
  daemon.pid = child.pid ?? 0;
  daemon.configFile = join(user.folder, 'its.yaml');
  const server = await user.serve(daemon);
  daemon.onStop = () => {
    child.kill();
    void server.close();
  };
  const { stdout } = await user.type('daemon', 'restart');
  expect(stdout).toContain(`The daemon (pid ${child.pid}) has stopped`);
  expect(started()).toMatchObject([{ config: daemon.configFile }]);
});

it('refuses another config file while a daemon runs, and says how to change it', async () => {
  const user = await Console.with(new ScriptedDaemon());
  const file = join(user.folder, 'other.yaml');
  const { code, stderr } = await user.type('daemon', 'start', '--config', file);
  expect(code).toBe(2);
  expect(stderr).toContain(`tunneld daemon restart --config ${file}`);
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
