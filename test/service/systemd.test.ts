import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/config/paths.ts';
import type { Scope } from '../../src/service/definition.ts';
import { installedScope, withSystemService } from '../../src/service/installed.ts';
import { Launchd } from '../../src/service/launchd.ts';
import type { ProgramResult } from '../../src/service/manager.ts';
import { Systemd } from '../../src/service/systemd.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';

const calls: string[] = [];
let answers: Record<string, Partial<ProgramResult>> = {};
let folder = '';

beforeEach(() => {
  calls.length = 0;
  answers = {};
  folder = tempFolder();
});

/** Answers as scripted by the words that begin the call; success otherwise. */
async function run(program: string, args: readonly string[]): Promise<ProgramResult> {
  const call = [program, ...args].join(' ');
  calls.push(call);
  const found = Object.entries(answers).find(([start]) => call.includes(start))?.[1];
  return { code: 0, stdout: '', stderr: '', ...found };
}

function definition(scope: Scope, program = import.meta.filename) {
  const paths = resolvePaths({ HOME: folder, XDG_RUNTIME_DIR: join(folder, 'run') }, 'linux');
  return {
    scope,
    node: process.execPath,
    program,
    paths,
    environment: { TUNNELD_STATE_DIR: paths.stateDir },
  };
}

function systemd(
  scope: Scope = 'user',
  more: { isRoot?: boolean; bootedMark?: string; program?: string } = {},
) {
  return new Systemd({
    definition: definition(scope, more.program),
    file: join(folder, 'units', 'tunneld.service'),
    run,
    isRoot: more.isRoot ?? false,
    user: 'anna',
    bootedMark: more.bootedMark ?? folder,
  });
}

describe('systemd', () => {
  it('is told of a new unit, starts it, and restarts it only when it changed', async () => {
    const result = await systemd().install();
    expect(result.outcome).toBe('installed');
    expect(calls).toContain('systemctl --user --no-pager start tunneld.service');
    expect(calls.indexOf('systemctl --user --no-pager daemon-reload')).toBeGreaterThan(-1);

    calls.length = 0;
    expect((await systemd().install()).outcome).toBe('unchanged');
    expect(calls.join()).not.toContain('restart');

    calls.length = 0;
    expect((await systemd('user', { program: '/opt/new/main.js' }).install()).outcome).toBe('changed');
    expect(calls).toContain('systemctl --user --no-pager restart tunneld.service');
  });

  it('tells how to keep a user unit running without a login, unless that is so', async () => {
    expect((await systemd().install()).hints.join()).toContain('loginctl enable-linger anna');
    answers = { 'show-user': { stdout: 'Linger=yes\n' } };
    expect((await systemd().install()).hints).toEqual([]);
  });

  it('leaves nothing behind', async () => {
    const service = systemd();
    await service.install();
    expect(existsSync(service.file)).toBe(true);
    expect(await service.uninstall()).toBe(true);
    expect(existsSync(service.file)).toBe(false);
    expect(calls).toContain('systemctl --user --no-pager disable --now tunneld.service');
    expect(await service.uninstall()).toBe(false);
  });

  it('says what to do without systemd, without privileges, without a user manager', async () => {
    const none = await thrownBy(() => systemd('user', { bootedMark: join(folder, 'none') }).install());
    expect(none).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect(none).toHaveProperty('remedy', expect.stringContaining('tunneld daemon run'));
    const nobody = await thrownBy(() => systemd('system').install());
    expect(nobody).toMatchObject({ code: 'SERVICE_PERMISSION', remedy: expect.stringContaining('sudo') });
    answers = { 'show-environment': { code: 1, stderr: 'Failed to connect to bus' } };
    const silent = await thrownBy(() => systemd().install());
    expect(silent).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message: expect.stringContaining('connect to bus'),
    });
  });

  it('refuses a system unit whose program its user could not read', async () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const error = await thrownBy(() => systemd('system', { isRoot: true, program: closed }).install());
    expect(error).toMatchObject({ code: 'SERVICE_PERMISSION' });
  });

  it('passes on what it says of a start that failed', async () => {
    answers = { ' start tunneld': { code: 1, stderr: 'Job for tunneld.service failed.\n' } };
    const error = await thrownBy(() => systemd().install());
    expect(error).toMatchObject({
      code: 'SERVICE_FAILED',
      message: expect.stringContaining('Job for tunneld'),
    });
  });

  it('is read for state, pid, restarts and what the daemon says', async () => {
    await systemd().install();
    const stdout =
      'MainPID=7\nNRestarts=2\nResult=success\nActiveState=active\nSubState=running\nStatusText=3/4 healthy\nUnitFileState=enabled\n';
    answers = { ' show ': { stdout } };
    expect(await systemd().status()).toEqual({
      installed: true,
      running: true,
      state: 'active (running)',
      enabled: true,
      pid: 7,
      detail: '3/4 healthy',
      restarts: 2,
    });
  });
});

describe('launchd', () => {
  const clock = new FakeClock();
  const agent = (program?: string) =>
    new Launchd({
      definition: definition('user', program),
      file: join(folder, 'a.plist'),
      run,
      uid: 501,
      clock,
    });

  it('loads an agent, and loads a changed one anew', async () => {
    answers = { ' print ': { code: 113 } };
    const { hints } = await agent().install();
    expect(hints.join()).toContain('while you are logged in');
    // launchd does not start what it cannot log for.
    expect(statSync(definition('user').paths.logDir).mode & 0o777).toBe(0o700);
    expect(calls).toContain(`launchctl bootstrap gui/501 ${join(folder, 'a.plist')}`);
    answers = { ' print ': { stdout: '\tstate = running\n\tpid = 9\n' } };
    calls.length = 0;
    const changed = agent('/opt/new/main.js').install();
    await clock.advance(3_000);
    expect(calls.join()).not.toContain('bootstrap');
    answers = { ' print ': { code: 113 } };
    await clock.advance(250);
    await changed;
    answers = { ' print ': { stdout: '\tstate = running\n\tpid = 9\n' } };
    expect(calls.filter((call) => !call.includes(' print '))).toEqual([
      'launchctl bootout gui/501/tunneld.daemon',
      `launchctl bootstrap gui/501 ${join(folder, 'a.plist')}`,
    ]);
    expect(await agent().status()).toMatchObject({ running: true, pid: 9 });
    await agent().restart();
    expect(calls).toContain('launchctl kickstart -k gui/501/tunneld.daemon');
  });

  it('keeps its hands off the daemons of the system without root', async () => {
    const daemon = new Launchd({
      definition: definition('system'),
      file: join(folder, 'd'),
      run,
      uid: 501,
      clock,
    });
    expect(await thrownBy(() => daemon.install())).toMatchObject({ code: 'SERVICE_PERMISSION' });
  });
});

describe('whose daemon a unit runs', () => {
  it('is found by the folders in it', async () => {
    const env = { HOME: folder, XDG_RUNTIME_DIR: join(folder, 'run') };
    const paths = resolvePaths(env, 'linux');
    expect(installedScope(paths, env, 'linux')).toBeUndefined();
    const file = join(folder, '.config/systemd/user/tunneld.service');
    const own = { ...definition('user'), environment: { A: paths.stateDir, B: paths.runtimeDir } };
    await new Systemd({
      definition: own,
      file,
      run,
      isRoot: false,
      user: 'anna',
      bootedMark: folder,
    }).install();
    expect(installedScope(paths, env, 'linux')).toBe('user');
    const others = resolvePaths({ ...env, TUNNELD_STATE_DIR: '/elsewhere' }, 'linux');
    expect(installedScope(others, env, 'linux')).toBeUndefined();
  });

  it("is the user's own for everybody but root", () => {
    const env = { HOME: '/root' };
    expect(withSystemService(env, 'linux', 1000)).toBe(env);
    expect(withSystemService({ ...env, TUNNELD_STATE_DIR: '/x' }, 'linux', 0)).toEqual({
      ...env,
      TUNNELD_STATE_DIR: '/x',
    });
  });
});
