import { expect, it } from 'vitest';
import { Interrupted } from '../../src/cli/command.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { Console } from './console.ts';
import { health, ScriptedDaemon, tunnel } from './scripted-daemon.ts';

const DOWN = tunnel('down', { desired: 'down', state: 'stopped', health: health('unknown') });
const BROKEN = tunnel('broken', { health: health('server-down') });
const RETRYING = tunnel('retrying', {
  state: 'backing-off',
  health: health('tunnel-down'),
  attempts: 2,
  nextRetryAt: Date.now() + 60_000,
  lastError: { code: 'RELAY_UNREACHABLE', message: 'refused by 127.0.0.1:1', remedy: 'Start it.', at: 0 },
});

it('shows a row a tunnel, and under an unhealthy one its cause and its remedy', async () => {
  const user = await Console.with(new ScriptedDaemon(tunnel('figma'), BROKEN, RETRYING, DOWN));
  const { code, stdout, stderr } = await user.type('status');
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^NAME +STATE +SINCE +URL +UPSTREAM$/);
  expect(lines[1]).toMatch(
    /^figma +up\/healthy +\S+ +http:\/\/127.0.0.1:7575\/figma\/mcp +http:\/\/127.0.0.1:3845\/mcp$/,
  );
  expect(lines[2]).toMatch(/^broken +up\/server-down/);
  expect(lines[3]).toBe('  why     the cause of server-down');
  expect(lines[4]).toBe('  fix     the remedy of server-down');
  expect(lines[5]).toMatch(/^retrying +backing-off/);
  expect(lines[6]).toBe('  why     RELAY_UNREACHABLE: refused by 127.0.0.1:1');
  expect(lines[7]).toBe('  fix     Start it.');
  expect(lines[8]).toMatch(/^ {2}next {4}attempt 3 in \d+ s$/);
  expect(lines[9]).toMatch(/^down +stopped/);
  expect(lines).toHaveLength(10);
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
});

it.each([
  { what: 'a healthy one', tunnels: [tunnel('figma')], code: 0 },
  { what: 'a slow one', tunnels: [tunnel('figma', { health: health('degraded') })], code: 0 },
  { what: 'one that is down because somebody wants it', tunnels: [DOWN], code: 0 },
  { what: 'none at all', tunnels: [], code: 0 },
  { what: 'one whose server is down', tunnels: [tunnel('figma'), BROKEN], code: 1 },
  { what: 'one nobody has probed yet', tunnels: [tunnel('figma', { health: health('unknown') })], code: 1 },
  { what: 'one that is being opened', tunnels: [tunnel('figma', { state: 'opening' })], code: 1 },
])('exits with $code when there is $what', async ({ tunnels, code }) => {
  const user = await Console.with(new ScriptedDaemon(...tunnels));
  expect(await user.type('ps')).toMatchObject({ code, stderr: '' });
});

it('prints the statuses as they are with --json: an array, or one object for a name', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'), tunnel('notes'));
  const user = await Console.with(daemon);
  expect(await user.json('status')).toEqual(daemon.list());
  expect(await user.json('status', 'notes')).toEqual(daemon.status('notes'));
});

it('shows both legs of a single tunnel', async () => {
  const status = tunnel('figma', {
    health: health('tunnel-down', {
      era: 'legacy',
      server: 'everything 2.0.0',
      local: {
        ok: true,
        at: Date.now() - 5_000,
        latencyMs: 1.6,
        finding: 'ok',
        detail: 'answered initialize',
      },
      public: { ok: false, at: Date.now(), finding: 'timeout', detail: 'nothing within 10 s' },
    }),
  });
  const user = await Console.with(new ScriptedDaemon(status));
  const { stdout } = await user.type('status', 'figma');
  expect(stdout).toContain('server    everything 2.0.0 (legacy)');
  expect(stdout).toMatch(/local {5}ok in 2 ms, 5s ago: answered initialize/);
  expect(stdout).toMatch(/public {4}timeout, just now: nothing within 10 s/);
  expect(stdout).toContain('fix       the remedy of tunnel-down');
});

it('says of a tunnel without a token that anybody gets in, in the table and in the details', async () => {
  const user = await Console.with(new ScriptedDaemon(tunnel('figma', { insecurePublic: true })));
  expect((await user.type('status')).stdout).toContain('anybody with the URL');
  expect((await user.type('status', 'figma')).stdout).toContain('anybody with the URL');
});

it('does not let a name a server gave itself reach the terminal as an escape sequence', async () => {
  const user = await Console.with(
    new ScriptedDaemon(
      tunnel('figma', { health: health('healthy', { server: 'evil\x1b[2J\x9b31m\r\n\u202e' }) }),
    ),
  );
  const { stdout } = await user.type('status', 'figma');
  expect(stdout).toContain('evil');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there.
  expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  const json = (await user.type('status', '--json')).stdout;
  expect(json).not.toContain('\x9b');
  expect(JSON.parse(json)[0].health.server).toBe('evil\x1b[2J\x9b31m\r\n\u202e');
});

it('colours a terminal, and nothing else', async () => {
  const user = await Console.with(new ScriptedDaemon(tunnel('figma')));
  expect((await user.type('status')).stdout).not.toContain('\x1b');
  user.interactive = true;
  expect((await user.type('status')).stdout).toContain('\x1b[32mup/healthy');
});

it('goes on with --watch and prints another table only when something changed', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'));
  const user = await Console.with(daemon);
  const watching = user.type('status', '--watch');
  await waitFor(() => user.stdout.length === 2);
  daemon.set(BROKEN);
  await waitFor(() => user.stdout.some((line) => line.startsWith('broken')));
  user.interruption.abort(new Interrupted('SIGINT'));
  const { code, stdout } = await watching;
  expect(code).toBe(130);
  expect(stdout.match(/^NAME/gm)).toHaveLength(2);
});

it('prints a line of JSON for every change with --watch --json', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'), tunnel('notes'));
  const user = await Console.with(daemon);
  const watching = user.type('status', 'figma', '--watch', '--json');
  await waitFor(() => user.stdout.length === 1);
  daemon.set({ ...BROKEN, name: 'figma' });
  await waitFor(() => user.stdout.length === 2);
  user.interruption.abort(new Interrupted('SIGTERM'));
  const { code, stdout } = await watching;
  expect(code).toBe(143);
  expect(stdout.split('\n').map((line) => JSON.parse(line).health.verdict)).toEqual([
    'healthy',
    'server-down',
  ]);
});

it('shows with --watch that a tunnel was removed, and that it is back', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'), tunnel('notes'));
  const user = await Console.with(daemon);
  const watching = user.type('status', 'figma', '--watch');
  await waitFor(() => user.stdout.length > 0);
  await daemon.remove('figma');
  await waitFor(() => user.stdout.some((line) => line.startsWith('"figma" was removed')));
  daemon.set(tunnel('figma', { state: 'opening' }));
  await waitFor(() => user.stdout.some((line) => line.startsWith('figma  opening')));
  user.interruption.abort(new Interrupted('SIGINT'));
  expect(await watching).toMatchObject({ code: 130, stderr: '' });
});

it('prints a line for a tunnel that is removed with --watch --json', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'), tunnel('notes'));
  const user = await Console.with(daemon);
  const watching = user.type('status', '--watch', '--json');
  await waitFor(() => user.stdout.length === 2);
  await daemon.remove('figma');
  await waitFor(() => user.stdout.length === 3);
  user.interruption.abort(new Interrupted('SIGINT'));
  const { stdout } = await watching;
  expect(JSON.parse(stdout.split('\n')[2] ?? '')).toEqual({ removed: 'figma' });
});

it('ends a watch when the daemon goes away, and says so', async () => {
  const user = new Console();
  expect(await user.type('status', '--watch')).toMatchObject({ code: 4, stdout: '' });
  expect(user.stderr[0]).toContain('DAEMON_UNREACHABLE');
});
