import { expect, it } from 'vitest';
import { Console } from './console.ts';
import { ScriptedDaemon, tunnel } from './scripted-daemon.ts';

it('sends options and keys as one change, values as the file would have them', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'));
  daemon.changes = [{ key: 'path', from: '/mcp', to: '/sse' }];
  const user = await Console.with(daemon);
  const { code, stdout } = await user.type(
    ...['set', 'figma', '--path', '/sse', '--provider=pinggy', '--pinggy-region', 'eu', 'pinggy.force=true'],
    ...['health.timeout=30s', 'health.schedule=*/10 * * * * *', 'access.origins=[https://a.example]'],
  );
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: 'figma is changed, and up/healthy\n  path  /mcp -> /sse',
  });
  expect(daemon.asked).toEqual([
    [
      'change',
      'figma',
      {
        set: {
          path: '/sse',
          provider: 'pinggy',
          pinggy: { region: 'eu', force: true },
          health: { timeout: '30s', schedule: '*/10 * * * * *' },
          access: { origins: ['https://a.example'] },
        },
      },
    ],
  ]);
});

it('takes a reference for the secret of a key', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'));
  const user = await Console.with(daemon);
  await user.type('set', 'figma', 'relay.token=env:RELAY_TOKEN', '--no-wait');
  expect(daemon.asked).toEqual([['change', 'figma', { set: { relay: { token: 'env:RELAY_TOKEN' } } }]]);
});

it('sets back options and keys', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma', { desired: 'down', state: 'stopped' }));
  const user = await Console.with(daemon);
  const { stdout } = await user.type(
    'unset',
    'figma',
    'health.timeout',
    '--insecure-public',
    '--relay',
    '--relay-token',
  );
  expect(daemon.asked).toEqual([
    ['change', 'figma', { unset: ['health.timeout', 'access.insecurePublic', 'relay', 'relay.token'] }],
  ]);
  expect(stdout).toBe('figma is so already, and down; `tunneld up figma` brings it up so');
});

it('prints the changes as JSON', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'));
  daemon.changes = [{ key: 'path', to: '/sse' }];
  const user = await Console.with(daemon);
  expect(await user.json('set', 'figma', 'path=/sse')).toMatchObject({
    name: 'figma',
    changes: daemon.changes,
  });
});

it('gives every client its own form, and no token in any', async () => {
  const user = await Console.with(new ScriptedDaemon(tunnel('my-notes')));
  const { stdout } = await user.type('client', 'my-notes');
  expect(stdout).not.toContain('tnl_');
  for (const title of [
    'Claude Code',
    'VS Code',
    'Cursor',
    'Codex',
    'Gemini',
    'Windsurf',
    'stdio',
    '/t/TOKEN/mcp',
  ])
    expect(stdout).toContain(title);
  const url = 'http://127.0.0.1:7575/my-notes/mcp';
  const cursor = await user.type('client', 'my-notes', 'cursor');
  expect(JSON.parse(cursor.stdout)).toEqual({
    mcpServers: { 'my-notes': { url, headers: { Authorization: `Bearer \${env:TUNNELD_TOKEN_MY_NOTES}` } } },
  });
  expect(cursor.stderr).toContain('export TUNNELD_TOKEN_MY_NOTES="$(tunneld token show my-notes)"');
  const windsurf = JSON.parse((await user.type('client', 'my-notes', 'windsurf')).stdout);
  expect(windsurf.mcpServers['my-notes']).toHaveProperty('serverUrl', url);
  const gemini = JSON.parse((await user.type('client', 'my-notes', 'gemini')).stdout);
  expect(gemini.mcpServers['my-notes']).toHaveProperty('httpUrl', url);
  expect((await user.type('client', 'my-notes', 'codex')).stdout).toBe(
    `[mcp_servers.my-notes]\nurl = "${url}"\nbearer_token_env_var = "TUNNELD_TOKEN_MY_NOTES"`,
  );
});

it('gives no header for a tunnel without a token, and two where the server wants its own', async () => {
  const local = { ok: true, at: 0, finding: 'needs-auth', detail: '' };
  const own = tunnel('own');
  const user = await Console.with(
    new ScriptedDaemon(tunnel('open', { insecurePublic: true }), {
      ...own,
      health: { ...own.health, local },
    }),
  );
  for (const id of ['vscode', 'cursor', 'codex', 'gemini', 'windsurf', 'stdio', 'claude-code', 'url'])
    expect((await user.type('client', 'open', id)).stdout).not.toMatch(/Authorization|TOKEN|header/);
  expect((await user.type('client', 'own', 'codex')).stdout).toContain(
    'env_http_headers = { "X-Tunneld-Token" = "TUNNELD_TOKEN_OWN", "Authorization" = "OWN_AUTHORIZATION" }',
  );
});
