import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Interrupted } from '../../src/cli/command.ts';
import { typedRemedy } from '../../src/cli/render/remedy.ts';
import { wrapped } from '../../src/cli/render/wrap.ts';
import { resolvePaths } from '../../src/config/paths.ts';
import { asExpected } from '../../src/core/system-failure.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { Console } from './console.ts';
import { health, ScriptedDaemon, tunnel } from './scripted-daemon.ts';

describe('a remedy', () => {
  it.each([
    ['Use --path /sse', 'tunneld set figma --path /sse'],
    ['Use --path /mcp/.', 'tunneld set figma --path /mcp/'],
    [
      'The server speaks TLS: use --url https://127.0.0.1:1/mcp.',
      'tunneld set figma --url https://127.0.0.1:1/mcp',
    ],
    [
      "Give the server's MCP path with --path (now /mcp); many use /mcp, /sse or /.",
      'tunneld set figma --path PATH',
    ],
    [
      'Check --port and --path; for plain HTTP set health.probe to http.',
      'tunneld set figma health.probe=http',
    ],
    ['If it needs longer than 10 s, raise health.timeout.', 'tunneld set figma health.timeout=30s'],
    ['Set hostHeader to a name, for example 127.0.0.1:1.', 'tunneld set figma --host-header 127.0.0.1:1'],
    ['End the other, or let tunneld end it: `pinggy.force: true`.', 'tunneld set figma pinggy.force=true'],
    ['Choose another name with --name, or free the old one.', 'tunneld set figma --name NAME'],
    ['Stop the other one, then `tunneld restart`.', 'tunneld restart figma'],
  ])('%j can be typed', async (remedy, command) => {
    expect(typedRemedy(remedy, 'figma')).toContain(`\`${command}\``);
  });

  it('that has nothing to type stays as it is', () => {
    for (const remedy of ['', 'Start the server; the tunnel stays and heals by itself.'])
      expect(typedRemedy(remedy, 'figma')).toBe(remedy);
  });

  it('is shown so by status', async () => {
    const wrong = health('config', { remedy: 'Use --path /sse.' });
    const user = await Console.with(new ScriptedDaemon(tunnel('figma', { health: wrong })));
    expect((await user.type('status')).stdout).toContain('`tunneld set figma --path /sse`');
  });
});

describe('a word that other programs know', () => {
  it.each([
    ['ls', 0, 'figma'],
    ['list', 0, 'figma'],
    ['stop', 2, 'tunneld down <name>'],
    ['start figma', 2, 'tunneld up <name>'],
    ['remove figma', 2, 'tunneld rm <name>'],
    ['up 3845', 2, 'tunneld up <name> --port 3845'],
    ['up http://localhost:3845/mcp', 2, 'tunneld up <name> --url http://localhost:3845/mcp'],
    ['up figma 3845', 2, 'Did you mean --port 3845?'],
    ['up figma localhost:3845/mcp', 2, 'Did you mean --url localhost:3845/mcp?'],
    ['up figma --url localhost:3845/mcp', 2, 'did you mean --url http://localhost:3845/mcp?'],
    ['up figma --wait 60s', 0, 'figma is up/healthy'],
    ['service foo', 2, 'service install, service uninstall'],
    ['logs -n -5', 2, '--lines=-5'],
  ])('`tunneld %s` gets a useful answer', async (typed, code, says) => {
    const user = await Console.with(new ScriptedDaemon(tunnel('figma')));
    const outcome = await user.type(...typed.split(' '));
    expect(outcome.stdout + outcome.stderr).toContain(says);
    expect(outcome.code).toBe(code);
  });

  it('several names are all meant, or none where one is unknown', async () => {
    const daemon = new ScriptedDaemon(tunnel('a'), tunnel('b'), tunnel('c'));
    const user = await Console.with(daemon);
    expect(await user.type('rm', 'a', 'nobody')).toMatchObject({ code: 3, stdout: '' });
    expect(daemon.tunnels.size).toBe(3);
    expect(await user.type('down', 'a', 'nobody')).toMatchObject({ code: 3, stdout: '' });
    expect(daemon.status('a').desired).toBe('up');
    expect((await user.type('down', 'a', 'b')).stdout).toBe('a is down\nb is down');
    expect((await user.type('rm', 'a', 'b')).stdout).toBe('a is gone\nb is gone');
    expect([...daemon.tunnels.keys()]).toEqual(['c']);
    expect((await user.type('restart', 'c', '--no-wait')).stdout).toBe('c is up/healthy');
  });
});

describe('a narrow terminal', () => {
  it('breaks lines between words, and no word', () => {
    expect(wrapped('  why     one two three', 17, 10)).toEqual(['  why     one two', '          three']);
    expect(wrapped('  url     https://a.example/long', 12, 10)).toEqual(['  url     https://a.example/long']);
    expect(wrapped('short', 5, 0)).toEqual(['short']);
  });

  it('gets every line of status, of failures and of help within its width', async () => {
    const url = 'https://rather-long.tunnel.example.com';
    const down = tunnel('figma', { publicUrl: url, mcpUrl: `${url}/mcp`, health: health('server-down') });
    const user = await Console.with(new ScriptedDaemon(down));
    user.size = { columns: 60, rows: 24 };
    for (const typed of [
      ['status'],
      ['status', 'figma'],
      ['status', 'nobody'],
      ['help'],
      ['rm', '--help'],
      ['up', 'x', '--pth'],
    ]) {
      const { stdout, stderr } = await user.type(...typed);
      const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => !line.includes('Usage:'));
      expect(lines.filter((line) => line.length > 60)).toEqual([]);
    }
    expect((await user.type('status')).stdout).toContain(`  url     ${url}/mcp`);
  });

  it('keeps the header of a watched table that is longer than it is high', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `t${index}`);
    const user = await Console.with(new ScriptedDaemon(...names.map((name) => tunnel(name))));
    user.interactive = true;
    user.size = { columns: 200, rows: 10 };
    const watching = user.type('status', '--watch');
    await waitFor(() => user.stdout.length > 0);
    user.interruption.abort(new Interrupted('SIGINT'));
    const lines = (await watching).stdout.split('\n');
    expect(lines[0]).toContain('NAME');
    expect(lines).toHaveLength(9);
    expect(lines.at(-1)).toContain('and 23 more lines');
  });
});

it('shows on a terminal in colour, not dim, that a tunnel is open to everybody', async () => {
  const user = await Console.with(new ScriptedDaemon(tunnel('figma', { insecurePublic: true })));
  user.interactive = true;
  const { stdout } = await user.type('status');
  expect(stdout).toContain('\u001b[33m  open    no access token: anybody with the URL reaches the server');
});

it('calls no bug what the system refuses', async () => {
  const user = new Console();
  const { logDir } = resolvePaths(user.env);
  writeFileSync(logDir, 'a file in the place of a folder');
  const { code, stderr } = await user.type('logs');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^tunneld: SYSTEM_REFUSED: The system refused: ENOTDIR/);
  const nobody = Object.assign(new Error('uv_os_homedir returned ENOENT'), { syscall: 'uv_os_homedir' });
  expect(asExpected(nobody)).toMatchObject({
    code: 'SYSTEM_REFUSED',
    remedy: expect.stringContaining('HOME'),
  });
  const bug = new TypeError('x');
  expect(asExpected(bug)).toBe(bug);
});
