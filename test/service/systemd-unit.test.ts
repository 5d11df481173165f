import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/config/paths.ts';
import { type Scope, SYSTEM_ENVIRONMENT } from '../../src/service/definition.ts';
import { systemdUnit } from '../../src/service/systemd-unit.ts';
import { tempFolder } from '../helpers/temp-folder.ts';

const ANALYZE = spawnSync('systemd-analyze', ['--version']).status === 0;

function unit(scope: Scope, more: Record<string, string> = {}): string {
  const paths = resolvePaths(SYSTEM_ENVIRONMENT, 'linux', '/home/u');
  // Programs that exist, so that systemd-analyze does not complain of them.
  const program = import.meta.filename;
  return systemdUnit({ scope, node: process.execPath, program, paths, environment: more });
}

describe('the systemd unit', () => {
  it('lets systemd judge the daemon by what it says, and does not repeat a start that cannot work', () => {
    const lines = unit('system').split('\n');
    for (const line of [
      'Type=notify',
      'Restart=on-failure',
      'RestartPreventExitStatus=78',
      'WatchdogSec=30',
      'After=network-online.target',
      'StateDirectoryMode=0700',
      'RuntimeDirectoryMode=0700',
      'WantedBy=multi-user.target',
    ])
      expect(lines).toContain(line);
  });

  it('of a user names no target of the system and needs no namespaces', () => {
    const text = unit('user');
    expect(text).not.toMatch(/network-online|DynamicUser|ProtectSystem|PrivateTmp/);
    expect(text).toContain('WantedBy=default.target');
  });

  it('keeps what systemd would read as something else as it was written', () => {
    const text = unit('user', { TUNNELD_STATE_DIR: '/home/a "b"/100%/\\x' });
    expect(text).toContain('Environment="TUNNELD_STATE_DIR=/home/a \\"b\\"/100%%/\\\\x"');
  });

  it.skipIf(!ANALYZE).each(['user', 'system'] as const)(
    'for the %s passes the verification of systemd',
    (scope) => {
      const file = join(tempFolder(), 'tunneld.service');
      writeFileSync(file, unit(scope, { TUNNELD_STATE_DIR: '/a b%c' }));
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], {
        encoding: 'utf8',
      });
      expect(stderr.split('\n').filter((line) => line.includes('tunneld.service'))).toEqual([]);
      expect(status).toBe(0);
    },
  );

  it.skipIf(!ANALYZE)('of the system is exposed as little as a program with network and JIT can be', () => {
    const file = join(tempFolder(), 'tunneld.service');
    writeFileSync(file, unit('system'));
    const report = execFileSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', file], {
      encoding: 'utf8',
    });
    const [, score = '10'] = /Overall exposure level[^:]*: (\d+\.\d+)/.exec(report) ?? [];
    expect(Number(score)).toBeLessThanOrEqual(1.6);
  });
});
