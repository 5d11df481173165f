import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

it('the packed package installs for the whole machine without development packages, and runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tnl-pack-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const npm = (...words: readonly string[]) => execFileSync('npm', [...words], { cwd: ROOT, stdio: 'pipe' });
  npm('pack', '--ignore-scripts', '--pack-destination', folder);
  const [archive = ''] = readdirSync(folder);
  const prefix = join(folder, 'prefix');
  npm(
    'install',
    '--global',
    '--prefix',
    prefix,
    '--omit=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    join(folder, archive),
  );

  const env = { PATH: process.env['PATH'], HOME: folder, XDG_RUNTIME_DIR: join(folder, 'run') };
  const tunneld = (...words: readonly string[]) =>
    execFileSync(join(prefix, 'bin', 'tunneld'), [...words], { env, encoding: 'utf8' });
  expect(tunneld('--version')).toMatch(/\d+\.\d+\.\d+/);
  expect(tunneld('service', 'install', '--user', '--print')).toContain(
    join(prefix, 'lib/node_modules/tunneld/dist/daemon/main.js'),
  );
  expect(readdirSync(join(prefix, 'lib/node_modules/tunneld/node_modules'))).not.toContain('vitest');
}, 120_000);
