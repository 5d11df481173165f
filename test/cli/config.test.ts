import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { Console } from './console.ts';

const GOOD = `tunnels:
  figma: { port: 3845, access: { token: literal-token-0123456789 } }
  notes: { url: "http://127.0.0.1:8080/sse", access: { token: "env:NOTES_TOKEN" } }
daemon: { relayPort: 7000 }
`;

function userWith(yaml: string) {
  const user = new Console();
  const file = join(user.folder, 'tunneld.yaml');
  writeFileSync(file, yaml, { mode: 0o600 });
  return { user, file };
}

it('says that a file is valid, also in JSON', async () => {
  const { user, file } = userWith(GOOD);
  expect(await user.type('config', 'check', '--config', file)).toEqual({
    code: 0,
    stdout: `${file} is valid: 2 tunnels`,
    stderr: '',
  });
  expect(await user.json('config', 'check', '--config', file)).toEqual({
    file,
    exists: true,
    tunnels: ['figma', 'notes'],
  });
});

it('lists every mistake of a file at once, with line and column, and exits with 2', async () => {
  const { user, file } = userWith('tunnels:\n  figma:\n    prot: 3845\n  Bad_Name:\n    port: 99999\n');
  user.env['TUNNELD_CONFIG'] = file;
  const { code, stdout, stderr } = await user.type('config', 'check');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('CONFIG_INVALID');
  expect(stderr).toMatch(/:3:5 .*prot/);
  expect(stderr).toMatch(/:4:3 .*Bad_Name/);
});

it('exits with 2 for a file that was named and is not there', async () => {
  const user = new Console();
  const { code, stderr } = await user.type('config', 'check', '--config', join(user.folder, 'none.yaml'));
  expect(code).toBe(2);
  expect(stderr).toContain('none.yaml');
});

it('is content without a file when none was named', async () => {
  const user = new Console();
  const { code, stdout } = await user.type('config', 'check');
  expect(code).toBe(0);
  expect(stdout).toContain('the defaults apply');
  expect(await user.json('config', 'check')).toMatchObject({ exists: false, tunnels: [] });
});

it('shows the configuration in force with its defaults, and no literal secret', async () => {
  const { user, file } = userWith(GOOD);
  user.env['TUNNELD_HEALTH_PORT'] = '7001';
  const { code, stdout } = await user.type('config', 'show', '--config', file);
  expect(code).toBe(0);
  expect(stdout).not.toContain('literal-token-0123456789');
  const shown = parse(stdout);
  expect(shown).toMatchObject({
    tunnels: {
      figma: { port: 3845, provider: 'relay', access: { token: '[redacted]' } },
      notes: { access: { token: 'env:NOTES_TOKEN' } },
    },
    daemon: { relayPort: 7000, healthPort: 7001 },
  });
  expect(await user.json('config', 'show', '--config', file)).toEqual(shown);
});

it('prints where the file is, and with --json where everything else is', async () => {
  const { user, file } = userWith(GOOD);
  expect((await user.type('config', 'path')).stdout).toBe(
    join(user.folder, '.config', 'tunneld', 'tunneld.yaml'),
  );
  user.env['TUNNELD_CONFIG'] = file;
  expect((await user.type('config', 'path')).stdout).toBe(file);
  expect(await user.json('config', 'path')).toEqual({
    configFile: file,
    exists: true,
    stateDir: join(user.folder, 'state'),
    runtimeDir: user.folder,
    logDir: join(user.folder, 'logs'),
    socket: join(user.folder, 'tunneld.sock'),
  });
});
