import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { Console } from './console.ts';
import { ScriptedDaemon } from './scripted-daemon.ts';

const GOOD = `tunnels:
  figma: { port: 3845, access: { token: literal-token-0123456789 } }
  notes: { url: "http://127.0.0.1:8080/sse", access: { token: "env:NOTES_TOKEN" } }
daemon: { relayPort: 0, healthPort: 0 }
`;

function userWith(yaml: string) {
  const user = new Console();
  user.env['NOTES_TOKEN'] = 'token-of-notes-0123456789';
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

it('finds what loading alone does not, together with the rest', async () => {
  const { user, file } = userWith(
    [
      'tunnels:',
      '  a: { port: 1, provider: foo, access: { token: "file:/nowhere/token" } }',
      '  b: { port: 2, relay: { url: "https://r.example", token: "env:NOT_SET_HERE" } }',
      '  c: { port: 3, provider: pinggy, pinggy: { basicAuth: ["ann:env:NOT_SET_EITHER"] } }',
      '  d: { prot: 4, provider: ngrok, ngrok: { authtoken: "file:/nowhere/ngrok" } }',
      'daemon: { relayPort: 0 }',
      'daemon: { healthPort: 0 }',
    ].join('\n'),
  );
  const { code, stdout } = await user.type('config', 'check', '--config', file);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  const { error } = JSON.parse((await user.type('config', 'check', '--config', file, '--json')).stdout);
  expect(
    error.mistakes.map(({ place, key, what }: Record<string, string>) => `${place} ${key}: ${what}`),
  ).toEqual([
    '2:17 tunnels.a.provider: No provider is called "foo"; there are relay, pinggy, ngrok',
    '2:42 tunnels.a.access.token: The secret file /nowhere/token cannot be read: there is no such file',
    '3:52 tunnels.b.relay.token: The environment variable NOT_SET_HERE is not set here; the daemon needs it where it is started',
    '4:57 tunnels.c.pinggy.basicAuth.0: The environment variable NOT_SET_EITHER is not set here; the daemon needs it where it is started',
    '5:3 tunnels.d: Give `port`, `url`, `sse` or `command`: where does the MCP server listen, or how is it started?',
    '5:8 tunnels.d.prot: Unknown key; did you mean "port"?',
    '5:43 tunnels.d.ngrok.authtoken: The secret file /nowhere/ngrok cannot be read: there is no such file',
    '7:1 : daemon: The key is there twice',
  ]);
  expect(error).toMatchObject({
    code: 'CONFIG_INVALID',
    remedy: expect.stringContaining(`config check --config ${file}`),
  });
});

it('finds a port of the daemon that another program has, while none runs', async () => {
  const squatter = net.createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const { port } = squatter.address() as AddressInfo;
  const { user, file } = userWith(`daemon: { relayPort: ${port}, healthPort: 0 }\n`);
  const taken = await user.type('config', 'check', '--config', file);
  expect(taken).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`daemon.relayPort: Port ${port} is taken`),
  });
  await user.serve(new ScriptedDaemon());
  expect(await user.type('config', 'check', '--config', file)).toMatchObject({ code: 0 });
  squatter.close();
});

it('exits with 2 for a file that was named and is not there', async () => {
  const user = new Console();
  const { code, stderr } = await user.type('config', 'check', '--config', join(user.folder, 'none.yaml'));
  expect(code).toBe(2);
  expect(stderr).toContain('none.yaml');
});

it('is content without a file when none was named', async () => {
  const user = new Console();
  user.env['TUNNELD_HEALTH_PORT'] = '0';
  user.env['TUNNELD_DAEMON_RELAY_PORT'] = '0';
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
    daemon: { relayPort: 0, healthPort: 7001 },
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
