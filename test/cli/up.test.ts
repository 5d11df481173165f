import { expect, it } from 'vitest';
import { waitFor } from '../helpers/wait-for.ts';
import { Console } from './console.ts';
import { health, ScriptedDaemon, tunnel } from './scripted-daemon.ts';

const URL = 'http://127.0.0.1:7575/figma/mcp';

const vscode = {
  inputs: [
    { id: 'figma-token', type: 'promptString', description: 'Token of the tunnel figma', password: true },
  ],
  servers: { figma: { type: 'http', url: URL, headers: { Authorization: `Bearer \${input:figma-token}` } } },
};

/** The part of an output that is for VS Code. */
function jsonIn(stdout: string): string {
  const from = stdout.slice(stdout.indexOf('\n  {'));
  return from.slice(0, from.indexOf('\n\n'));
}

it('prints the URL, the new token and what a client needs, and exits with 0', async () => {
  const user = await Console.with(new ScriptedDaemon());
  const { code, stdout, stderr } = await user.type('up', 'figma', '--port', '3845');
  expect(stdout).toContain('figma is up/healthy');
  expect(stdout).toContain(`URL    ${URL}`);
  expect(stdout).toContain('token  tnl_new');
  expect(stdout.split('tnl_new')).toHaveLength(2);
  expect(stdout).toContain(
    `claude mcp add --transport http figma '${URL}' --header 'Authorization: Bearer \${TUNNELD_TOKEN_FIGMA}'`,
  );
  expect(JSON.parse(jsonIn(stdout))).toEqual(vscode);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

it('keeps the token to itself the second time, and says how to get it', async () => {
  const user = await Console.with(new ScriptedDaemon());
  await user.type('up', 'figma', '--port', '3845');
  const { code, stdout } = await user.type('up', 'figma', '--port', '3845');
  expect(code).toBe(0);
  expect(stdout).not.toContain('tnl_new');
  expect(stdout).toContain('tunneld token show figma');
  expect(JSON.parse(jsonIn(stdout))).toEqual(vscode);
});

it('leaves the headers out for a tunnel that has no token, and warns', async () => {
  const daemon = new ScriptedDaemon();
  daemon.onUp = (name) => tunnel(name, { insecurePublic: true });
  const user = await Console.with(daemon);
  const { stdout } = await user.type('up', 'figma', '--port', '3845', '--insecure-public');
  expect(stdout).toContain('anybody with the URL');
  expect(stdout).not.toContain('Authorization');
});

it('says what an up of a known tunnel changed', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'));
  daemon.changes = [
    { key: 'path', to: '/sse' },
    { key: 'relay.url', from: 'https://a.example' },
  ];
  const user = await Console.with(daemon);
  const { stdout } = await user.type('up', 'figma', '--path', '/sse');
  expect(stdout).toContain(
    'Changed:\n  path       not set -> /sse\n  relay.url  https://a.example -> not set',
  );
  expect(daemon.asked).toEqual([['up', 'figma', { path: '/sse' }]]);
});

it('gives a server that wants its own Authorization both headers', async () => {
  const local = { ok: true, at: 0, finding: 'needs-auth', detail: 'asks for its own authorization' };
  const user = await Console.with(
    new ScriptedDaemon(tunnel('figma', { health: health('healthy', { local }) })),
  );
  const { stdout } = await user.type('up', 'figma');
  expect(JSON.parse(jsonIn(stdout)).servers.figma.headers).toEqual({
    'X-Tunneld-Token': `\${input:figma-token}`,
    Authorization: `\${input:figma-authorization}`,
  });
  expect(stdout).toContain(`--header 'X-Tunneld-Token: \${TUNNELD_TOKEN_FIGMA}' --header 'Authorization: `);
});

it('warns of a public URL whose callers can be listened to', async () => {
  const publicUrl = 'http://figma.tunnel.example';
  const open = tunnel('figma', { publicUrl, mcpUrl: `${publicUrl}/mcp` });
  const user = await Console.with(new ScriptedDaemon(open));
  expect((await user.type('up', 'figma')).stdout).toMatch(
    /note .*http: everybody on the way can read the token/,
  );
});

it('prints an object with --json, or an array for all of them', async () => {
  const daemon = new ScriptedDaemon();
  const user = await Console.with(daemon);
  expect(await user.json('up', 'figma', '--port', '3845')).toEqual({
    name: 'figma',
    outcome: 'serving',
    created: true,
    changed: false,
    url: URL,
    client: vscode,
    token: 'tnl_new',
    status: daemon.status('figma'),
  });
  expect(await user.json('up', '--no-wait')).toMatchObject([{ name: 'figma', outcome: 'not-waited' }]);
});

it('sends what every option says, and nothing that was not said', async () => {
  const daemon = new ScriptedDaemon();
  const user = await Console.with(daemon);
  await user.type('up', 'plain', '--port=3845');
  const options = ['--url', 'http://10.0.0.1:8080', '--path', '/sse', '--provider', 'relay'];
  options.push('--host-header', 'a.example', '--allow-remote-upstream', '--insecure-public', '--query-token');
  options.push('--origin', 'https://a.example', '--origin', 'https://b.example', '--sse-keep-alive', 'off');
  options.push('--probe', 'tcp', '--schedule', '*/10 * * * * *', '--no-wait');
  expect(await user.type('up', 'full', ...options)).toMatchObject({ code: 0 });
  await user.type('up', 'plain');
  expect(daemon.asked).toEqual([
    ['up', 'plain', { port: 3845 }],
    [
      'up',
      'full',
      {
        url: 'http://10.0.0.1:8080',
        path: '/sse',
        provider: 'relay',
        hostHeader: 'a.example',
        allowRemoteUpstream: true,
        sseKeepAlive: 'off',
        access: {
          insecurePublic: true,
          queryToken: true,
          origins: ['https://a.example', 'https://b.example'],
        },
        health: { probe: 'tcp', schedule: '*/10 * * * * *' },
      },
    ],
    ['up', 'plain', undefined],
  ]);
});

it('waits for the tunnel to become healthy, saying meanwhile what it is', async () => {
  const daemon = new ScriptedDaemon();
  daemon.onUp = (name) => tunnel(name, { state: 'opening', health: health('unknown', { cause: '' }) });
  const user = await Console.with(daemon);
  const coming = user.type('up', 'figma', '--port', '3845');
  await waitFor(() => user.progress.includes('figma: opening'));
  daemon.set(tunnel('figma', { health: health('unknown', { cause: 'no probe yet' }) }));
  await waitFor(() => user.progress.includes('figma: up/checking (no probe yet)'));
  daemon.set(tunnel('figma'));
  expect(await coming).toMatchObject({ code: 0, stderr: '' });
});

it('stops waiting when nothing answers at the port, keeps the tunnel and says what to do', async () => {
  const daemon = new ScriptedDaemon();
  const local = { ok: false, at: 0, finding: 'refused', detail: 'connect ECONNREFUSED 127.0.0.1:3845' };
  daemon.onUp = (name) => tunnel(name, { health: health('server-down', { local }) });
  const user = await Console.with(daemon);
  const { code, stdout, stderr } = await user.type('up', 'figma', '--port', '3845');
  expect(code).toBe(1);
  expect(stdout).toContain(URL);
  expect(stdout).toContain('tnl_new');
  expect(stderr.split('\n')).toEqual([
    'tunneld: TUNNEL_UNHEALTHY: "figma" is kept, but does not serve: server-down',
    '  cause   the cause of server-down',
    '          local leg: refused: connect ECONNREFUSED 127.0.0.1:3845',
    '  fix     the remedy of server-down',
    '  more    tunneld help TUNNEL_UNHEALTHY',
  ]);
});

it('forgets a server-down that did not last', async () => {
  const daemon = new ScriptedDaemon();
  daemon.onUp = (name) => tunnel(name, { health: health('server-down') });
  const user = await Console.with(daemon);
  const coming = user.type('up', 'figma', '--port', '3845');
  await waitFor(() => user.progress.some((text) => text.startsWith('figma: up/server-down')));
  daemon.set(tunnel('figma'));
  expect(await coming).toMatchObject({ code: 0, stderr: '' });
});

it('exits with 5 when the tunnel is not healthy in time, naming the leg that fails', async () => {
  const daemon = new ScriptedDaemon();
  const leg = { ok: false, at: 0, finding: 'timeout', detail: 'nothing within 10 s' };
  daemon.onUp = (name) => tunnel(name, { health: health('tunnel-down', { public: leg }) });
  const user = await Console.with(daemon);
  const { code, stdout, stderr } = await user.type('up', 'figma', '--port', '3845', '--wait=40s');
  expect(code).toBe(5);
  expect(stdout).toContain(URL);
  expect(stderr).toContain('WAIT_TIMED_OUT: "figma" was not healthy within 40 s: up, but tunnel-down');
  expect(stderr).toContain('public leg: timeout: nothing within 10 s');
});

it('reports a tunnel that failed for good under the code of its last error, without waiting', async () => {
  const daemon = new ScriptedDaemon();
  const lastError = { code: 'RELAY_NAME_TAKEN', message: 'somebody has it', remedy: 'Take another.', at: 0 };
  daemon.onUp = (name) => tunnel(name, { state: 'failed', health: health('unknown'), lastError });
  const user = await Console.with(daemon);
  const { code, stderr } = await user.type('up', 'figma', '--port', '3845');
  expect(code).toBe(1);
  expect(stderr).toContain('RELAY_NAME_TAKEN: "figma" has failed: somebody has it');
  expect(stderr).toContain('fix     Take another.');
});

it('waits for all of them, and reports each that does not serve', async () => {
  const daemon = new ScriptedDaemon(
    tunnel('fine'),
    tunnel('first', { health: health('server-down') }),
    tunnel('second', { health: health('auth') }),
  );
  const user = await Console.with(daemon);
  const { code, stdout, stderr } = await user.type('up');
  expect(code).toBe(1);
  expect(stdout.match(/^\w+ is up\/[\w-]+$/gm)).toEqual([
    'fine is up/healthy',
    'first is up/server-down',
    'second is up/auth',
  ]);
  expect(stderr.match(/^tunneld: .*$/gm)).toHaveLength(2);
});

it('says that there is nothing to bring up when nothing is known', async () => {
  const user = await Console.with(new ScriptedDaemon());
  const { code, stdout, stderr } = await user.type('up');
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toContain('tunneld up <name>');
});

it('refuses another config file than the one the running daemon reads', async () => {
  const daemon = new ScriptedDaemon();
  daemon.configFile = '/etc/tunneld.yaml';
  const user = await Console.with(daemon);
  const other = await user.type('up', '--config', '/tmp/other.yaml');
  expect(other).toMatchObject({ code: 2, stdout: '' });
  expect(other.stderr).toContain('/etc/tunneld.yaml');
  expect(await user.type('up', '--config', '/etc/tunneld.yaml')).toMatchObject({ code: 0 });
});

it('counts only a session newer than the one before as the success of a restart', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'));
  daemon.onRestart = (status) => {
    // The daemon answers before it has got round to replacing anything.
    const session = { generation: 2, openedAt: 0 };
    setTimeout(() => daemon.set(tunnel('figma', { session, replacements: 1 })), 60);
    return status;
  };
  const user = await Console.with(daemon);
  const { code, stdout } = await user.type('restart', 'figma', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([{ name: 'figma', replacements: 1 }]);
});

it('restarts with --all every tunnel that is wanted up', async () => {
  const daemon = new ScriptedDaemon(
    tunnel('a'),
    tunnel('b'),
    tunnel('c', { desired: 'down', state: 'stopped' }),
  );
  const user = await Console.with(daemon);
  const { code, stdout } = await user.type('restart', '--all', '--no-wait');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'a is up/healthy\nb is up/healthy' });
  expect(daemon.asked).toEqual([
    ['restart', 'a'],
    ['restart', 'b'],
  ]);
});

it('understands what is said of ngrok', async () => {
  const daemon = new ScriptedDaemon();
  const user = await Console.with(daemon);
  const words = ['--ngrok-domain=figma.example.com', '--ngrok-basic-auth=env:PAIR', '--ngrok-pooling'];
  await user.type('up', 'figma', '--port=3845', '--provider=ngrok', ...words, '--ngrok-deny=203.0.113.0/24');
  expect(daemon.asked[0]?.[2]).toEqual({
    port: 3845,
    provider: 'ngrok',
    ngrok: {
      domain: 'figma.example.com',
      basicAuth: ['env:PAIR'],
      deny: ['203.0.113.0/24'],
      pooling: true,
    },
  });
  for (const wrong of [
    ['--provider=ngrok', '--ngrok-authtoken=plain'],
    ['--provider=ngrok', '--ngrok-basic-auth=anna:plain'],
  ])
    expect(await user.type('up', 'other', '--port=1', ...wrong)).toMatchObject({ code: 2 });
});
