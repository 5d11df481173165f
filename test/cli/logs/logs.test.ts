import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Interrupted } from '../../../src/cli/command.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { Console } from '../console.ts';

const MINUTE = 60_000;

interface Line {
  readonly ago?: number;
  readonly level?: string;
  readonly [field: string]: unknown;
}

function lines(...all: readonly Line[]): string {
  return all
    .map(({ ago = 0, level = 'info', ...fields }) => {
      const time = new Date(Date.now() - ago).toISOString();
      return `${JSON.stringify({ level, time, ...fields })}\n`;
    })
    .join('');
}

/** A user whose daemon has logged, and is not running any more. */
async function userWith(files: Readonly<Record<string, string>>) {
  const user = new Console();
  const dir = await user.logDir();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return { user, dir };
}

const REQUEST = {
  kind: 'request',
  tunnel: 'figma',
  msg: 'request',
  method: 'POST',
  path: '/mcp',
  status: 200,
  durationMs: 12.4,
  responseBytes: 340,
  client: '203.0.113.7',
  outcome: 'complete',
  carrier: 'bearer',
  rpc: { method: 'tools/call', name: 'echo' },
};

it('renders requests, state changes and everything else as one line each', async () => {
  const change = { from: 'opening', event: 'opened', to: 'up', cause: 'the relay accepted' };
  const { user } = await userWith({
    'figma.log': lines(
      REQUEST,
      { ...REQUEST, status: 401, outcome: 'refused', reason: 'no-token', carrier: undefined, rpc: undefined },
      { tunnel: 'figma', msg: 'tunnel state changed', ...change },
      {
        tunnel: 'figma',
        level: 'error',
        msg: 'probe failed',
        attempt: 3,
        err: { message: 'socket hang up' },
      },
    ),
  });
  const { code, stdout } = await user.type('logs', 'figma');
  expect(code).toBe(0);
  expect(
    stdout.split('\n').map((line) => line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} /, '')),
  ).toEqual([
    'info  POST /mcp tools/call echo 200 12 ms 340 B bearer 203.0.113.7',
    'info  POST /mcp 401 12 ms 340 B 203.0.113.7 refused (no-token)',
    'info  tunnel state changed: opening -> up (opened): the relay accepted',
    'error probe failed attempt=3 err="socket hang up"',
  ]);
});

it('merges all tunnels and the daemon by time, and says whose each line is', async () => {
  const { user } = await userWith({
    'figma.log': lines({ ago: 3, tunnel: 'figma', msg: 'a' }, { ago: 1, tunnel: 'figma', msg: 'c' }),
    'notes.log': lines({ ago: 2, tunnel: 'notes', msg: 'b' }),
    'daemon.log': lines({ ago: 0, msg: 'd' }),
    'daemon.stderr': 'not a log\n',
  });
  const { stdout } = await user.type('logs');
  expect(stdout.split('\n').map((line) => line.slice(24))).toEqual([
    'info  figma a',
    'info  notes b',
    'info  figma c',
    'info  daemon d',
  ]);
  expect((await user.type('logs', '-n', '2')).stdout.match(/\b[a-d]$/gm)).toEqual(['c', 'd']);
  expect((await user.type('logs', '-n', '0')).stdout).toBe('');
});

it('shows the last 50, or with --since everything that is not older', async () => {
  const many = Array.from({ length: 120 }, (_, index) => ({
    ago: (120 - index) * MINUTE,
    msg: `no ${index}`,
  }));
  const { user } = await userWith({ 'figma.log': lines(...many) });
  expect((await user.type('logs', 'figma')).stdout.split('\n')).toHaveLength(50);
  expect((await user.type('logs', 'figma', '--since', '90m30s')).code).toBe(2);
  expect((await user.type('logs', 'figma', '--since', '2h')).stdout.split('\n')).toHaveLength(119);
  const date = new Date(Date.now() - 10.5 * MINUTE).toISOString();
  expect((await user.type('logs', 'figma', '--since', date)).stdout.split('\n')).toHaveLength(10);
  expect((await user.type('logs', 'figma', '--since', '2h', '-n', '7')).stdout.split('\n')).toHaveLength(7);
});

it('shows a level and those above it', async () => {
  const all = ['debug', 'info', 'warn', 'error', 'fatal'].map((level) => ({ level, msg: level }));
  const { user } = await userWith({ 'figma.log': lines(...all) });
  const { stdout } = await user.type('logs', 'figma', '--level', 'warn');
  expect(stdout.match(/\w+$/gm)).toEqual(['warn', 'error', 'fatal']);
});

it('prints the entries as they are stored with --json', async () => {
  const { user } = await userWith({ 'figma.log': lines(REQUEST, { msg: 'two' }) });
  const { stdout } = await user.type('logs', 'figma', '--json');
  expect(stdout.split('\n').map((line) => JSON.parse(line))).toMatchObject([REQUEST, { msg: 'two' }]);
});

it("does not let a stranger's request write to the reader's terminal", async () => {
  const evil = '/\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\nfake line';
  const { user } = await userWith({ 'figma.log': lines({ ...REQUEST, path: evil, method: '\x1b[31mGET' }) });
  user.interactive = true;
  const { stdout } = await user.type('logs', 'figma');
  expect(stdout.split('\n')).toHaveLength(1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of ours are the only ones allowed.
  expect(stdout.replace(/\x1b\[(2|22|39)m/g, '')).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
  const raw = (await user.type('logs', 'figma', '--json')).stdout;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: see above.
  expect(raw).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
  expect(JSON.parse(raw).path).toBe(evil);
});

it('cannot be led out of the log folder by a name, and suggests a near one', async () => {
  const { user } = await userWith({ 'figma.log': lines({ msg: 'x' }) });
  writeFileSync(join(user.folder, 'secret.log'), lines({ msg: 'secret' }));
  expect(await user.type('logs', '../secret')).toMatchObject({ code: 3, stdout: '' });
  expect((await user.type('logs', 'fgima')).stderr).toContain('tunneld logs figma');
});

it('follows across rotation, and notices a tunnel that is new', async () => {
  const { user, dir } = await userWith({ 'figma.log': lines({ tunnel: 'figma', msg: 'one' }) });
  const following = user.type('logs', '-f');
  const seen = () => user.stdout.map((line) => line.slice(30));
  await waitFor(() => seen().length === 1);
  appendFileSync(join(dir, 'figma.log'), lines({ tunnel: 'figma', msg: 'two' }));
  await waitFor(() => seen().length === 2);
  renameSync(join(dir, 'figma.log'), join(dir, 'figma.1.log'));
  writeFileSync(join(dir, 'figma.log'), lines({ tunnel: 'figma', msg: 'three' }));
  await waitFor(() => seen().length === 3);
  writeFileSync(
    join(dir, 'notes.log'),
    lines({ tunnel: 'notes', msg: 'four' }, { level: 'debug', msg: 'five' }),
  );
  await waitFor(() => seen().length === 5);
  user.interruption.abort(new Interrupted('SIGINT'));
  expect((await following).code).toBe(130);
  expect(seen()).toEqual(['figma one', 'figma two', 'figma three', 'notes four', 'daemon five']);
});

it('says nothing, and is content, when nothing was ever logged', async () => {
  expect(await new Console().type('logs')).toEqual({ code: 0, stdout: '', stderr: '' });
});
