import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { pathVariables, resolvePaths } from '../../src/config/paths.ts';
import { thrownBy } from '../helpers/thrown.ts';

describe('where things live', () => {
  it('follows the XDG folders on Linux', () => {
    const env = { XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: '/run/user/7' };
    expect(resolvePaths(env, 'linux', '/home/ada')).toEqual({
      configFile: '/c/tunneld/tunneld.yaml',
      configRequired: false,
      stateDir: '/s/tunneld',
      runtimeDir: '/run/user/7/tunneld',
      logDir: '/s/tunneld/logs',
      socket: '/run/user/7/tunneld/tunneld.sock',
      stateFile: '/s/tunneld/state.json',
      lockFile: '/s/tunneld/daemon.lock',
      lockFallback: '/run/user/7/tunneld/daemon.lock',
      socketFallback: '/s/tunneld/run/tunneld.sock',
    });
  });

  it('falls back to the folders of the specification, and to the state folder for the socket', () => {
    expect(resolvePaths({}, 'linux', '/home/ada')).toMatchObject({
      configFile: '/home/ada/.config/tunneld/tunneld.yaml',
      stateDir: '/home/ada/.local/state/tunneld',
      socket: '/home/ada/.local/state/tunneld/run/tunneld.sock',
    });
  });

  it('ignores a relative XDG folder, as the specification says', () => {
    const env = { XDG_STATE_HOME: 'state', XDG_RUNTIME_DIR: '' };
    expect(resolvePaths(env, 'linux', '/home/ada').stateDir).toBe('/home/ada/.local/state/tunneld');
  });

  it('uses Application Support and Logs on macOS', () => {
    expect(resolvePaths({ XDG_STATE_HOME: '/s' }, 'darwin', '/Users/ada')).toMatchObject({
      configFile: '/Users/ada/Library/Application Support/tunneld/tunneld.yaml',
      stateDir: '/Users/ada/Library/Application Support/tunneld',
      logDir: '/Users/ada/Library/Logs/tunneld',
    });
  });

  it('asks for the home folder only where nothing else says the folder', () => {
    const all = { TUNNELD_STATE_DIR: '/b', TUNNELD_CONFIG: '/a.yaml', TUNNELD_LOG_DIR: '/d' };
    const homeless = Object.assign(new Error('no entry'), { syscall: 'uv_os_homedir' });
    const homedir = vi.spyOn(os, 'homedir').mockImplementation(() => {
      throw homeless;
    });
    syncBuiltinESMExports();
    onTestFinished(() => {
      homedir.mockRestore();
      syncBuiltinESMExports();
    });
    for (const platform of ['linux', 'darwin'] as const) {
      expect(resolvePaths(all, platform)).toMatchObject({ stateDir: '/b', logDir: '/d' });
      expect(() => resolvePaths({ ...all, TUNNELD_CONFIG: undefined }, platform)).toThrow(homeless);
    }
    expect(resolvePaths({ XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: '/s' }, 'linux')).toMatchObject({
      configFile: '/c/tunneld/tunneld.yaml',
      stateDir: '/s/tunneld',
    });
  });

  it('lets TUNNELD_* override each of them, on every system', () => {
    const env = {
      TUNNELD_CONFIG: '/a/my.yaml',
      TUNNELD_STATE_DIR: '/b',
      TUNNELD_RUNTIME_DIR: '/c',
      TUNNELD_LOG_DIR: '/d',
    };
    for (const platform of ['linux', 'darwin'] as const) {
      expect(resolvePaths(env, platform, '/home/ada')).toMatchObject({
        configFile: '/a/my.yaml',
        configRequired: true,
        stateDir: '/b',
        socket: '/c/tunneld.sock',
        logDir: '/d',
      });
    }
  });

  it('hands on variables that lead another process to the same places, whatever its folder', () => {
    const paths = resolvePaths(
      { TUNNELD_CONFIG: 'my.yaml', TUNNELD_STATE_DIR: 'state' },
      'linux',
      '/home/ada',
    );
    expect(resolvePaths(pathVariables(paths), 'linux', '/elsewhere')).toEqual(paths);
    expect(paths.stateDir).toMatch(/^\//);
  });

  it.each([
    ['linux', 107],
    ['darwin', 103],
  ] as const)('on %s accepts a socket path of %i bytes and refuses one more', async (platform, limit) => {
    const folder = (bytes: number) => `/${'x'.repeat(bytes - '//tunneld.sock'.length)}`;
    const resolve = (bytes: number) => resolvePaths({ TUNNELD_RUNTIME_DIR: folder(bytes) }, platform, '/h');
    expect(resolve(limit).socket).toHaveLength(limit);
    const error = await thrownBy(() => resolve(limit + 1));
    expect(error.code).toBe('SOCKET_UNUSABLE');
    expect(error.message).toContain(`${limit + 1} bytes long, and the system allows ${limit}`);
    expect(error.remedy).toContain('TUNNELD_RUNTIME_DIR');
  });
});
