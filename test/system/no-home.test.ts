import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Tunneld } from '../helpers/tunneld.ts';

/** A user without an entry in passwd, as in many containers. Only root can become one. */
const STRANGER = 54_321;

let home: Tunneld;

beforeEach(async () => {
  home = await Tunneld.create();
  spawnSync('chown', ['-R', String(STRANGER), home.folder]);
  home.user = STRANGER;
  delete home.env['HOME'];
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

const asRoot = it.runIf(process.platform === 'linux' && process.getuid?.() === 0);

asRoot('a user without a home folder has a daemon where all other folders are named', async ({ skip }) => {
  await home.spawn(['version']).catch(() => skip('another user cannot read this checkout'));
  await home.ok('daemon', 'start');
  await home.ok('up', 'figma', '--port=1', '--no-wait');
  expect((await home.run('doctor')).stdout).toMatch(/^- +service +not installed as a service$/m);
});

asRoot('a user without a home folder hears which variables to set where one is missing', async ({ skip }) => {
  await home.spawn(['version']).catch(() => skip('another user cannot read this checkout'));
  for (const name of ['TUNNELD_STATE_DIR', 'TUNNELD_LOG_DIR']) delete home.env[name];
  for (const args of [['status'], ['up', 'figma', '--port=1'], ['logs'], ['daemon', 'run']]) {
    const { code, stderr } = await home.spawn(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tunneld: SYSTEM_REFUSED: This user has no home folder\n +fix +Set HOME .*TUNNELD_STATE_DIR/,
    );
  }
});

asRoot(
  'a folder of logs that this user may not read is named, and how to choose another',
  async ({ skip }) => {
    await home.spawn(['version']).catch(() => skip('another user cannot read this checkout'));
    mkdirSync(home.logDir);
    chmodSync(home.logDir, 0o700);
    const start = await home.spawn(['daemon', 'start']);
    expect(start.code).toBe(2);
    expect(start.stderr).toContain(
      `STATE_UNWRITABLE: ${home.logDir}/daemon.stderr cannot be written: permission denied`,
    );
    expect(start.stderr).toMatch(/^ +fix +.*TUNNELD_LOG_DIR/m);
    const logs = await home.spawn(['logs']);
    expect(logs.stderr).toContain(
      `SYSTEM_REFUSED: The system refused: EACCES: permission denied, scandir '${home.logDir}'`,
    );
  },
);
