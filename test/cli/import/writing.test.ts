import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { Importer } from './importing.ts';

const KEY = 'key-of-the-clients-0123456789';
const LINE = `docker run --name figma pinggy/pinggy -R0:127.0.0.1:3845 aBcD1234eFgH+force@pro.pinggy.io k:${KEY}`;

const MINE = '# my tunnels\ntunnels:\n  notes: # of the team\n    port: 8080\n';

function withConfig(text: string, mode = 0o644): Importer {
  const importer = new Importer();
  mkdirSync(dirname(importer.configFile), { recursive: true });
  writeFileSync(importer.configFile, text, { mode });
  return importer;
}

it('adds to a file, and leaves its comments, its mode and its other tunnels as they are', async () => {
  const importer = withConfig(MINE, 0o640);
  expect((await importer.type(LINE)).code).toBe(0);
  const text = readFileSync(importer.configFile, 'utf8');
  expect(text.startsWith(MINE)).toBe(true);
  expect(Object.keys(importer.tunnels())).toEqual(['notes', 'figma']);
  expect(statSync(importer.configFile).mode & 0o777).toBe(0o640);
});

it('makes a file that is not there, for its owner alone, also where --config says', async () => {
  const importer = new Importer();
  const other = join(importer.user.folder, 'deep', 'own.yaml');
  expect((await importer.type('--config', other, LINE)).code).toBe(0);
  expect(statSync(other).mode & 0o777).toBe(0o600);
  expect((await importer.user.type('config', 'check', '--config', other)).stdout).toContain('1 tunnel');
});

it('is valid to `tunneld config check` afterwards, secrets included', async () => {
  const importer = withConfig(`${MINE}daemon: { relayPort: 0, healthPort: 0 }\n`);
  await importer.type(LINE);
  const { code, stdout, stderr } = await importer.user.type('config', 'check');
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: `${importer.configFile} is valid: 2 tunnels`,
    stderr: '',
  });
});

it('writes nothing with --dry-run, and prints the entry', async () => {
  const importer = withConfig(MINE);
  const { code, stdout } = await importer.type(LINE, '--dry-run');
  expect(code).toBe(0);
  expect(stdout).toContain('Nothing is written');
  expect(stdout).toContain('  figma:\n    port: 3845\n    provider: pinggy\n');
  expect(readFileSync(importer.configFile, 'utf8')).toBe(MINE);
  expect(importer.secretFiles()).toEqual({});
});

it('refuses a name that is there, says how to go on, and replaces it with --force', async () => {
  const importer = withConfig('tunnels:\n  # mine\n  figma:\n    port: 1\n  notes: { port: 2 }\n');
  const before = readFileSync(importer.configFile, 'utf8');
  const { code, stderr } = await importer.type(LINE);
  expect(code).toBe(2);
  expect(stderr).toContain('TUNNEL_EXISTS');
  expect(stderr).toMatch(/--name.*--force/);
  expect(readFileSync(importer.configFile, 'utf8')).toBe(before);
  expect(importer.secretFiles()).toEqual({});
  const { stdout } = await importer.type(LINE, '--force');
  expect(stdout).toContain('figma is replaced');
  expect(importer.tunnels()).toMatchObject({ figma: { port: 3845 }, notes: { port: 2 } });
  expect(readFileSync(importer.configFile, 'utf8')).toContain('# mine');
});

it('refuses the name of a tunnel that `tunneld up` made', async () => {
  const importer = new Importer();
  mkdirSync(join(importer.user.folder, 'state'));
  const state = { version: 1, tunnels: { figma: { source: 'cli' }, notes: { source: 'file' } } };
  writeFileSync(join(importer.user.folder, 'state', 'state.json'), JSON.stringify(state));
  const { code, stderr } = await importer.type(LINE);
  expect(code).toBe(2);
  expect(stderr).toContain('made with `tunneld up`');
  expect((await importer.type(LINE, '--name', 'notes')).code).toBe(0);
});

it('imports twice into the same secret files, and never overwrites another secret', async () => {
  const importer = new Importer();
  await importer.type(LINE);
  await importer.type(LINE, '--force');
  expect(Object.keys(importer.secretFiles()).sort()).toEqual(['figma.access-token', 'figma.pinggy-token']);
  const other = LINE.replace(KEY, 'another-key-0123456789');
  expect((await importer.type(other, '--force')).code).toBe(0);
  expect(Object.keys(importer.secretFiles()).sort()).toEqual([
    'figma.access-token',
    'figma.access-token.2',
    'figma.pinggy-token',
  ]);
  expect(importer.tunnels()).toMatchObject({
    figma: { access: { token: `file:${importer.secretFolder}/figma.access-token.2` } },
  });
});

it('changes nothing of a file with mistakes, and names them', async () => {
  const importer = withConfig('tunnels:\n  notes:\n    prot: 1\n');
  const { code, stderr } = await importer.type(LINE);
  expect(code).toBe(2);
  expect(stderr).toContain('CONFIG_INVALID');
  expect(stderr).toContain(':3:5');
  expect(importer.secretFiles()).toEqual({});
});

it('follows a link to the file, and leaves the link', async () => {
  const importer = new Importer();
  const real = importer.file('dotfiles.yaml', MINE);
  mkdirSync(dirname(importer.configFile), { recursive: true });
  symlinkSync(real, importer.configFile);
  await importer.type(LINE);
  expect(lstatSync(importer.configFile).isSymbolicLink()).toBe(true);
  expect(readFileSync(real, 'utf8')).toContain('figma:');
});

it.skipIf(process.platform !== 'linux')(
  'takes the secrets away again when the config file cannot be written',
  async () => {
    const importer = new Importer();
    const { code, stdout, stderr } = await importer.type('--config', '/proc/tunneld.yaml', LINE);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('CONFIG_UNWRITABLE: /proc/tunneld.yaml cannot be written');
    expect(readdirSync(importer.secretFolder)).toEqual([]);
  },
);

it('writes no secret when a file is in the way of the folder of the config file', async () => {
  const importer = new Importer();
  importer.file('taken', 'a file where a folder should be');
  const { code, stderr } = await importer.type(
    '--config',
    join(importer.user.folder, 'taken', 'x.yaml'),
    LINE,
  );
  expect(code).toBe(2);
  expect(stderr).toContain('CONFIG_INVALID');
  expect(importer.secretFiles()).toEqual({});
});

it('leaves no unfinished file behind', async () => {
  const importer = withConfig(MINE);
  await importer.type(LINE);
  const files = readdirSync(importer.user.folder, { recursive: true, encoding: 'utf8' });
  expect(files.filter((name) => name.includes('.tmp'))).toEqual([]);
});

it('reads a script, whose lines may be folded, and takes variables of this shell', async () => {
  const importer = new Importer();
  importer.user.env['CLIENT_KEY'] = KEY;
  const script = importer.file(
    'start.sh',
    '#!/bin/sh\n# the tunnel\ndocker run -d --net=host pinggy/pinggy \\\n  -R0:127.0.0.1:3845 \\\n  "k:$CLIENT_KEY" x:https\n',
  );
  const { stdout } = await importer.type(script);
  expect(stdout).toMatch(/\$CLIENT_KEY +its value in this shell was put in/);
  expect(importer.tunnels()).toMatchObject({ 'mcp-3845': { port: 3845 } });
  delete importer.user.env['CLIENT_KEY'];
  const { code, stderr } = await importer.type(script);
  expect(code).toBe(2);
  expect(stderr).toContain('$CLIENT_KEY, which is not set in this shell');
});

it.each([
  ['', 'needs <source>'],
  ['--port nine x', '--port=nine is not a port'],
  ['--name Bad_Name', 'NAME_INVALID'],
  ['--name daemon', 'NAME_INVALID'],
  ['--provider carrier-pigeon', 'for the provider pinggy'],
])('refuses `tunneld import %s`', async (options, why) => {
  const words = options.split(' ').filter((word) => word !== '');
  const source = words.includes('x') || words.length === 0 ? [] : [LINE];
  const { code, stderr } = await new Importer().type(...words, ...source);
  expect(code).toBe(2);
  expect(stderr).toContain(why);
});

it('sets the path and the port that are given beside the line', async () => {
  const importer = new Importer();
  expect(await importer.entry(LINE, '--path', '/sse')).toMatchObject({ port: 3845, path: '/sse' });
});
