import { expect, it } from 'vitest';
import { Console } from './console.ts';
import { health, ScriptedDaemon, tunnel } from './scripted-daemon.ts';

const fresh = () => Console.with(new ScriptedDaemon(tunnel('figma'), tunnel('notes')));

it.each([
  { typed: 'url figma', prints: 'http://127.0.0.1:7575/figma/mcp' },
  { typed: 'token show figma', prints: 'tnl_shown' },
  { typed: 'token rotate figma', prints: 'tnl_rotated' },
  { typed: 'down figma', prints: 'figma is down' },
  { typed: 'down --all', prints: 'figma is down\nnotes is down' },
  { typed: 'rm figma', prints: 'figma is gone' },
  { typed: 'version', prints: 'tunneld 0.1.0' },
  { typed: '--version', prints: 'tunneld 0.1.0' },
])('`tunneld $typed` prints what was asked for and nothing else', async ({ typed, prints }) => {
  const { code, stdout } = await (await fresh()).type(...typed.split(' '));
  expect({ code, stdout }).toEqual({ code: 0, stdout: prints });
});

it.each([
  { typed: 'url figma', shape: { name: 'figma', url: 'http://127.0.0.1:7575/figma/mcp' } },
  { typed: 'token show figma', shape: { name: 'figma', token: 'tnl_shown' } },
  { typed: 'token rotate figma --grace 1h', shape: { token: 'tnl_rotated', previousValidUntil: 3_600_000 } },
  { typed: 'down figma', shape: [{ name: 'figma', desired: 'down', state: 'stopped' }] },
  {
    typed: 'inspect figma',
    shape: { status: { name: 'figma' }, config: {}, history: [], gatewayUrl: expect.any(String) },
  },
  {
    typed: 'version',
    shape: { version: '0.1.0', protocol: 1, node: process.version, platform: expect.any(String) },
  },
  {
    typed: 'daemon status',
    shape: {
      pid: process.pid,
      version: '9.9.9',
      startedAt: '2026-01-01T00:00:00.000Z',
      notes: [expect.any(String)],
    },
  },
])('`tunneld $typed --json` has its documented shape', async ({ typed, shape }) => {
  expect(await (await fresh()).json(...typed.split(' '))).toMatchObject(shape);
});

it('gives the old token the grace it was asked for, and none by default', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'));
  const user = await Console.with(daemon);
  expect((await user.type('token', 'rotate', 'figma')).stderr).toContain('no longer works');
  expect((await user.type('token', 'rotate', 'figma', '--grace', '90s')).stderr).toContain('works until');
  expect(daemon.asked).toEqual([
    ['rotateToken', 'figma', 0],
    ['rotateToken', 'figma', 90_000],
  ]);
});

it('has no URL to print for a tunnel that never had one', async () => {
  const { mcpUrl: _, ...unopened } = tunnel('new', { state: 'opening', health: health('unknown') });
  const user = await Console.with(new ScriptedDaemon(unopened));
  const { code, stdout, stderr } = await user.type('url', 'new');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('NO_PUBLIC_URL');
});

it('shows in `daemon status` who runs, with what, and what is worth knowing', async () => {
  const { stdout } = await (await fresh()).type('daemon', 'status');
  expect(stdout).toContain(`running  pid ${process.pid}, for `);
  expect(stdout).toContain('health   http://127.0.0.1:7576');
  expect(stdout).toContain('note     the state file was kept aside');
});

it.each([
  'status nobody',
  'url nobody',
  'inspect nobody',
  'down nobody',
  'restart nobody',
  'rm nobody',
  'token show nobody',
  'token rotate nobody',
  'up nobody',
  'logs nobody',
])('`tunneld %s` exits with 3', async (typed) => {
  const { code, stdout, stderr } = await (await fresh()).type(...typed.split(' '));
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).toMatch(/^tunneld: TUNNEL_NOT_FOUND: .*"nobody"/);
  expect(stderr).toContain('tunneld ps');
});

it.each([
  'status',
  'url figma',
  'up figma',
  'up figma --port 1',
  'down --all',
  'daemon status',
  'inspect figma',
])('`tunneld %s` exits with 4 when no daemon runs', async (typed) => {
  const { code, stdout, stderr } = await new Console().type(...typed.split(' '));
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
  expect(stderr).toContain('tunneld daemon start');
});

it('makes a key of its own every time', async () => {
  const user = new Console();
  const { code, stdout } = await user.type('gen-key');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^[\w-]{43,}$/);
  expect((await user.type('gen-key')).stdout).not.toBe(stdout);
});
