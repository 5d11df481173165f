import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { mcpClients } from '../helpers/mcp-clients.ts';
import { startDualEra } from '../helpers/mcp-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

it('the packed package installs for the whole machine without development packages, and runs', async () => {
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
  const manPage = readFileSync(join(prefix, 'share/man/man1/tunneld.1'), 'utf8');
  expect(manPage).toBe(tunneld('man'));
  expect(tunneld('service', 'install', '--user', '--print')).toContain(
    join(prefix, 'lib/node_modules/tunneld/dist/daemon/main.js'),
  );
  expect(readdirSync(join(prefix, 'lib/node_modules/tunneld/node_modules'))).not.toContain('vitest');

  // Nothing of the checkout is behind it: the daemon too is the installed one.
  await using home = await Tunneld.create('tunnels: {}\n', join(prefix, 'bin', 'tunneld'));
  await using server = await startDualEra();
  const { url, token } = await home.up('figma', `--port=${server.port}`);
  const { pid } = await home.daemon();
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain(`${prefix}/lib/node_modules/tunneld/`);
  const client = mcpClients.find(({ name }) => name === 'SDK v2 auto');
  const call = { name: 'echo', arguments: { text: 'from the package' } };
  expect(await client?.listToolsAndCall(url, token, call)).toMatchObject({ text: 'from the package' });
  expect((await fetch(url)).status).toBe(401);
  expect(await home.ok('status')).toContain('up/healthy');
  await home.ok('down', 'figma');
  expect((await home.status('figma')).state).toBe('stopped');
  await home.ok('daemon', 'stop');
  expect((await home.run('status')).code).toBe(4);
}, 240_000);
