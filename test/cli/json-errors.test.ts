import { expect, it } from 'vitest';
import { Console } from './console.ts';
import { health, ScriptedDaemon, tunnel } from './scripted-daemon.ts';

it.each([
  ['status nobody --json', 'TUNNEL_NOT_FOUND', 3],
  ['url nobody --json', 'TUNNEL_NOT_FOUND', 3],
  ['up figma --port x --json', 'USAGE', 2],
  ['upp --json', 'USAGE', 2],
  ['token shwo --json', 'USAGE', 2],
  ['inspect --json', 'USAGE', 2],
  ['help --json', 'USAGE', 2],
  ['config check --config /nowhere/x.yaml --json', 'CONFIG_INVALID', 2],
])('`tunneld %s` fails as JSON, and prints nothing else', async (typed, code, exitCode) => {
  const user = await Console.with(new ScriptedDaemon());
  const outcome = await user.type(...typed.split(' '));
  const { error } = JSON.parse(outcome.stdout);
  expect(error).toMatchObject({ code, message: expect.any(String), remedy: expect.stringMatching(/\w/) });
  expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code: exitCode, stderr: '' });
});

it('fails as JSON without a daemon, and in plain words without --json', async () => {
  const user = new Console();
  expect(JSON.parse((await user.type('ready', '--json')).stdout).error.code).toBe('DAEMON_UNREACHABLE');
  expect(await user.type('status', '--', '--json')).toMatchObject({
    stdout: '',
    stderr: expect.stringMatching(/^tunneld: /),
  });
});

it('says beside an answer what failed, a line each', async () => {
  const user = await Console.with(new ScriptedDaemon(tunnel('figma', { health: health('server-down') })));
  const { code, stdout, stderr } = await user.type('up', 'figma', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ name: 'figma', outcome: 'stuck' });
  expect(JSON.parse(stderr).error).toMatchObject({
    code: 'TUNNEL_UNHEALTHY',
    remedy: 'the remedy of server-down',
  });
});

it('lists the mistakes of what was typed', async () => {
  const user = await Console.with(new ScriptedDaemon());
  const { stdout } = await user.type('up', 'figma', '--port', '70000', '--path', 'x', '--json');
  expect(JSON.parse(stdout).error.mistakes).toEqual([
    { key: 'port', what: 'Expected a port from 1 to 65535, found 70000' },
    { key: 'path', what: 'Expected a path that starts with / and has no query' },
  ]);
});

it('explains every code and every reason without a daemon', async () => {
  const user = new Console();
  const { code, stdout } = await user.type('help', 'RELAY_NAME_TAKEN');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^RELAY_NAME_TAKEN\n\nSomebody else holds this tunnel name on the relay\.\n/);
  expect(stdout).toContain('Exit code 1, not tried again.');
  expect((await user.type('help', 'usage')).stdout).toMatch(/^USAGE\n/);
  expect((await user.type('help', 'no-token')).stdout).toContain('401');
  expect(await user.type('help', 'RELAY_NAME_TOKEN')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('tunneld help RELAY_NAME_TAKEN'),
  });
});
