import { parse } from 'plist';
import { describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/config/paths.ts';
import { launchdPlist } from '../../src/service/launchd-plist.ts';

/** The keys of launchd.plist(5) that we use, with their types. */
const DOCUMENTED: Readonly<Record<string, string>> = {
  Label: 'string',
  ProgramArguments: 'array',
  UserName: 'string',
  EnvironmentVariables: 'object',
  RunAtLoad: 'boolean',
  KeepAlive: 'object',
  ThrottleInterval: 'number',
  ExitTimeOut: 'number',
  ProcessType: 'string',
  Umask: 'number',
  StandardOutPath: 'string',
  StandardErrorPath: 'string',
};

const environment = { TUNNELD_STATE_DIR: '/Users/a & b/<state>' };
const program = '/Users/a & b/lib/tunneld/dist/daemon/main.js';
const definition = {
  node: '/usr/local/bin/node',
  program,
  paths: resolvePaths({ HOME: '/Users/a' }, 'darwin'),
  environment,
};

describe('the property list of launchd', () => {
  it.each(['user', 'system'] as const)('of the %s uses documented keys, in their types', async (scope) => {
    const plist = parse(await launchdPlist({ ...definition, scope }, 'anna')) as Record<string, unknown>;
    const types = Object.entries(plist).map(([key, value]) => [
      key,
      Array.isArray(value) ? 'array' : typeof value,
    ]);
    expect(DOCUMENTED).toMatchObject(Object.fromEntries(types));
    expect('UserName' in plist).toBe(scope === 'system');
  });

  it('starts the daemon again only when it failed, with paths as they are', async () => {
    const plist = parse(await launchdPlist({ ...definition, scope: 'user' }));
    expect(plist).toMatchObject({
      ProgramArguments: ['/usr/local/bin/node', program],
      EnvironmentVariables: environment,
      KeepAlive: { SuccessfulExit: false },
      ThrottleInterval: 10,
      ProcessType: 'Background',
      StandardErrorPath: '/Users/a/Library/Logs/tunneld/daemon.stderr',
    });
  });
});
