import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/config/paths.ts';
import { closeFile, prepareFolders } from '../../src/config/private-files.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';

const pathsIn = (stateDir: string, more: Record<string, string> = {}) =>
  resolvePaths({ TUNNELD_STATE_DIR: stateDir, ...more }, 'linux', '/nowhere');

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('the folders of the daemon', () => {
  it('are made for their owner alone', () => {
    const paths = pathsIn(join(tempFolder(), 'deep', 'state'));
    expect(prepareFolders(paths)).toEqual([]);
    expect([paths.stateDir, paths.logDir, paths.runtimeDir].map(modeOf)).toEqual(['700', '700', '700']);
  });

  it('are closed when found open to others, and the user is told', () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'state.json'), '{}');
    chmodSync(folder, 0o755);
    expect(prepareFolders(pathsIn(folder))).toEqual([
      `${folder} was open to others (mode 755); it is 700 now`,
    ]);
    expect(modeOf(folder)).toBe('700');
    expect(prepareFolders(pathsIn(folder))).toEqual([]);
  });

  it('are left as they are when other things live there too', () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'somebody-elses-file'), '');
    chmodSync(folder, 0o755);
    expect(prepareFolders(pathsIn(folder))).toEqual([]);
    expect(modeOf(folder)).toBe('755');
  });

  it('are closed when others could write an empty one, and refused when they may have put something in', async () => {
    const folder = tempFolder();
    const state = join(folder, 'state');
    const prepare = () => prepareFolders(pathsIn(tempFolder(), { TUNNELD_STATE_DIR: state }));
    mkdirSync(state);
    chmodSync(state, 0o777);
    expect(prepare()).toEqual([`${state} was open to others (mode 777); it is 700 now`]);
    writeFileSync(join(state, 'state.json'), '{}');
    chmodSync(state, 0o777);
    const error = await thrownBy(prepare);
    expect(error.code).toBe('STATE_UNWRITABLE');
    expect(error.remedy).toContain(`chmod 700 ${state}`);
    expect(modeOf(state)).toBe('777');
  });

  it.each([
    ['TUNNELD_STATE_DIR', 'STATE_UNWRITABLE'],
    ['TUNNELD_RUNTIME_DIR', 'SOCKET_UNUSABLE'],
  ])('are refused as %s when shared with writers', async (variable, code) => {
    const shared = join(tempFolder(), 'shared');
    mkdirSync(shared);
    writeFileSync(join(shared, 'somebody-elses-file'), '');
    chmodSync(shared, 0o1777);
    const error = await thrownBy(() => prepareFolders(pathsIn(tempFolder(), { [variable]: shared })));
    expect(error.code).toBe(code);
    expect(error.message).toBe(`${shared} can be written by others (mode 777)`);
    expect(modeOf(shared)).toBe('777');
  });

  it.each([
    ['TUNNELD_STATE_DIR', 'STATE_UNWRITABLE'],
    ['TUNNELD_LOG_DIR', 'STATE_UNWRITABLE'],
    ['TUNNELD_RUNTIME_DIR', 'SOCKET_UNUSABLE'],
  ])('say in words why %s cannot be used', async (variable, code) => {
    const file = join(tempFolder(), 'a-file');
    writeFileSync(file, '');
    const error = await thrownBy(() =>
      prepareFolders(pathsIn(tempFolder(), { [variable]: join(file, 'x') })),
    );
    expect(error.code).toBe(code);
    expect(error.message).toBe(`${join(file, 'x')} cannot be used: part of the path is not a folder`);
    expect(error.remedy).toContain(variable);
  });
});

it.skipIf(process.platform !== 'linux')(
  'a secret file that may not be closed is read all the same, and said',
  () => {
    // Nobody may change the mode of this one, as with a file of another user or of a read-only mount.
    expect(closeFile('/proc/self/status')).toEqual([
      '/proc/self/status holds secrets, is open to others (mode 444), and is not ours to close',
    ]);
  },
);
