import { expect, it } from 'vitest';
import { Importer } from './importing.ts';

const TOKEN = 'aBcD1234eFgH';
const KEY = 'key-of-the-clients-0123456789';
const SECRETS = [TOKEN, KEY, 'hunter2-hunter2', 'sesame-open-please'];

/** The line of the guide, its placeholders filled in. */
const GUIDE = `docker run --name my-tunnel -d --restart unless-stopped --net=host -it pinggy/pinggy -p 443 -R0:127.0.0.1:3845 -o ServerAliveInterval=30 -t ${TOKEN}+force@pro.pinggy.io k:${KEY} x:https x:xff a:Host:localhost:3845`;

it("takes the guide's line: the same server, token and key", async () => {
  const importer = new Importer();
  const { code, stdout } = await importer.type(GUIDE);
  expect(code).toBe(0);
  expect(stdout).toContain(`my-tunnel is added in ${importer.configFile}`);
  expect(stdout).toContain('docker rm -f my-tunnel');
  expect(importer.tunnels()).toEqual({
    'my-tunnel': {
      port: 3845,
      provider: 'pinggy',
      pinggy: { token: `file:${importer.secretFolder}/my-tunnel.pinggy-token` },
      access: { token: `file:${importer.secretFolder}/my-tunnel.access-token` },
    },
  });
  expect(importer.secretFiles()).toEqual({
    'my-tunnel.access-token': '600',
    'my-tunnel.pinggy-token': '600',
  });
  expect(await new Importer().entry(GUIDE)).toMatchObject({
    pinggy: { token: TOKEN },
    access: { token: KEY },
  });
});

it('takes it in its words as well, which are none of our own options', async () => {
  expect(await new Importer().entry(...GUIDE.split(' '))).toEqual(await new Importer().entry(GUIDE));
  const importer = new Importer();
  await importer.type('--name', 'figma', ...GUIDE.split(' '), '-h');
  expect(Object.keys(importer.tunnels())).toEqual(['figma']);
});

it('says of every part of the line what became of it', async () => {
  const { carried, same, left } = await new Importer().notes(GUIDE);
  expect(carried.map(({ from, key }) => `${from} -> ${key}`)).toEqual([
    '-R0:127.0.0.1:3845 -> port',
    'the token -> pinggy.token',
    'k:… -> access.token',
  ]);
  expect(same.map(({ from }) => from)).toEqual([
    '--name my-tunnel',
    '-d',
    '--restart unless-stopped',
    '--net host',
    '-i',
    '-t',
    'pinggy/pinggy',
    '-p 443',
    '-o ServerAliveInterval=30',
    '-t',
    'pro.pinggy.io',
    '+force',
    'x:https',
    'x:xff',
    'a:Host:localhost:3845',
  ]);
  expect(left).toEqual([]);
});

const line = (rest: string, docker = '') => `docker run ${docker} pinggy/pinggy -R0:localhost:8000 ${rest}`;
const PRO = `${TOKEN}+force@pro.pinggy.io`;

it.each([
  ['-p 80', PRO, { pinggy: { serverPort: 80 } }],
  ['', `${TOKEN}@pro.pinggy.io`, { pinggy: { force: false } }],
  ['', `${TOKEN}+force@eu.pro.pinggy.io`, { pinggy: { region: 'eu' } }],
  ['', `${TOKEN}+force@a.pinggy.io`, { pinggy: { server: 'a.pinggy.io' } }],
  ['-L4300:localhost:4300', PRO, { pinggy: { debuggerPort: 4300 } }],
  ['-L127.0.0.1:4310:localhost:4300', PRO, { pinggy: { debuggerPort: 4310 } }],
  ['-o UserKnownHostsFile=/etc/pinggy-hosts', PRO, { pinggy: { knownHosts: '/etc/pinggy-hosts' } }],
  ['', `${PRO} k:${KEY} k:another-key-0123456789`, { pinggy: { keys: ['another-key-0123456789'] } }],
  ['', `${PRO} b:ann:hunter2-hunter2`, { pinggy: { basicAuth: ['ann:hunter2-hunter2'] } }],
  [
    '',
    `${PRO} 'w:[203.0.113.0/24,2001:db8::/32]'`,
    { pinggy: { allow: ['203.0.113.0/24', '2001:db8::/32'] } },
  ],
  ['', `${PRO} w:203.0.113.7/32`, { pinggy: { allow: ['203.0.113.7/32'] } }],
  ['', `${PRO} u:X-Team:sesame-open-please`, { pinggy: { setHeaders: ['X-Team: sesame-open-please'] } }],
  ['', `${PRO} a:X-Team:sesame-open-please`, { pinggy: { setHeaders: ['X-Team: sesame-open-please'] } }],
  ['', `${PRO} r:X-Debug`, { pinggy: { removeHeaders: ['X-Debug'] } }],
  ['', `${PRO} u:Host:figma.local:3845`, { hostHeader: 'figma.local:3845' }],
  ['', `${PRO} x:passpreflight`, { pinggy: { passPreflight: true } }],
  ['', `${PRO} x:fullurl x:noreverseproxy`, { pinggy: { args: ['x:fullurl', 'x:noreverseproxy'] } }],
  ['', `${PRO} x:xff:X-Client`, { pinggy: { args: ['x:xff:X-Client'] } }],
  ['', `${PRO} x:localServerTls`, { url: 'https://localhost:8000/mcp' }],
  ['', `${PRO} 'k:${KEY} x:https'`, { access: { token: KEY } }],
  ['', `${PRO} '"k:${KEY}"'`, { access: { token: KEY } }],
  ['-l 8000', `--token ${TOKEN}`, { port: 8000, pinggy: { token: TOKEN } }],
] as const)('carries %s %s over', async (flags, rest, keys) => {
  expect(await new Importer().entry(line(`${flags} ${rest}`.trim()))).toMatchObject(keys);
});

it.each([
  ['--pull always', { pull: 'always' }],
  ['--memory 512m', { memoryMb: 512 }],
  ['-m 1g', { memoryMb: 1_024 }],
  ['--pids-limit=64', { pidsLimit: 64 }],
  ['--network bridge', { network: 'bridge' }],
])('carries %s of the container over', async (docker, pinggy) => {
  expect(await new Importer().entry(line(PRO, docker))).toMatchObject({ pinggy });
});

it('keeps an image that is not the usual one, and the engine of another context', async () => {
  const text = `docker --context lab run pinggy/pinggy:v2 -R0:localhost:8000 ${PRO}`;
  expect(await new Importer().entry(text)).toMatchObject({
    pinggy: { image: 'pinggy/pinggy:v2', dockerContext: 'lab' },
  });
});

it.each([
  ['-o StrictHostKeyChecking=no', '-o StrictHostKeyChecking=no', 'first time'],
  ['-o ProxyCommand=nc', '-o ProxyCommand', 'does not pass on'],
  ['-i /home/ann/.ssh/id', '-i', 'no such setting'],
  ['--frobnicate', '--frobnicate', 'does not know'],
  ['-N', '-N', 'open to everybody'],
  ['-R0:localhost:9000', '-R0:localhost:9000', 'one server'],
  ['-L8080:intranet:80', '-L', 'no other ports'],
])('names %s as not carried over', async (flag, from, why) => {
  const { left } = await new Importer().notes(line(`${flag} ${PRO}`));
  expect(left).toEqual([{ from, why: expect.stringContaining(why) }]);
});

it.each([
  ['x:haproxy', 'x:haproxy'],
  ['x:telepathy:with-values', 'x:telepathy'],
  ['z:sesame-open-please', 'z:…'],
  ['b:ann', 'b:…'],
  ['a:Nothing', 'a:…'],
  ['k:short', 'k:…'],
])('names %s behind the host as not carried over, its value unsaid', async (option, from) => {
  const { left } = await new Importer().notes(line(`${PRO} ${option}`));
  expect(left.map((note) => note.from)).toEqual([from]);
});

it.each([
  ['-v /etc:/etc', '-v', 'no such setting'],
  ['--frobnicate=9', '--frobnicate', 'does not know'],
  ['--frobnicate nine', '--frobnicate', 'does not know'],
  ['-e SECRET=sesame-open-please', '-e', 'reads no variables'],
  ['--net=lab', '--net lab', 'networks host and bridge'],
  ['--restart=no', '--restart no', 'opens a tunnel again'],
])('names %s of docker as not carried over', async (docker, from, why) => {
  const { left } = await new Importer().notes(line(PRO, docker));
  expect(left).toEqual([{ from, why: expect.stringContaining(why) }]);
});

it('takes the same line by ssh and by Pinggy’s own client', async () => {
  const rest = `-p 443 -R0:localhost:3845 -o StrictHostKeyChecking=no -o ServerAliveInterval=30 -t ${PRO} k:${KEY} x:https`;
  const wanted = { port: 3845, provider: 'pinggy', pinggy: { token: TOKEN }, access: { token: KEY } };
  expect(await new Importer().entry(`ssh ${rest}`)).toEqual(wanted);
  expect(await new Importer().entry(`pinggy ${rest}`)).toEqual(wanted);
  expect(await new Importer().entry(`sudo podman run --rm pinggy/pinggy ${rest}`)).toEqual(wanted);
});

it('knows a line without an account, and says what it means', async () => {
  const { entry, advice } = await new Importer().notes('ssh -p 443 -R0:localhost:8000 a.pinggy.io');
  expect(entry).toEqual({ port: 8000, provider: 'pinggy', pinggy: { server: 'a.pinggy.io' } });
  expect(advice.join('\n')).toContain('60 minutes');
  expect(advice.join('\n')).toContain('let everybody in');
});

it('leads to a server of another machine only where the line did, and says so', async () => {
  const { entry, carried } = await new Importer().notes(`ssh -R0:10.0.0.7:8000 ${PRO}`);
  expect(entry).toMatchObject({ url: 'http://10.0.0.7:8000/mcp', allowRemoteUpstream: true });
  expect(carried[0]?.why).toContain('not on this machine');
  expect(await new Importer().entry(`ssh -R0:host.docker.internal:8000 ${PRO}`)).toMatchObject({
    port: 8000,
  });
});

it('says which key cannot be the token of a tunnel, and that clients have to be told', async () => {
  const importer = new Importer();
  const { stdout } = await importer.type(line(`${PRO} k:hunter2-hunter2!`));
  expect(stdout).toContain('at least 16 characters');
  expect(stdout).toContain('clients have to be told');
  expect(importer.tunnels()['mcp-8000']).not.toHaveProperty('access');
});

it.each([
  [`ssh -R0:localhost:8000 ${TOKEN}+tcp@pro.pinggy.io`, 'tunnel of another kind (tcp)'],
  [`pinggy --type udp -R0:localhost:8000 ${PRO}`, 'tunnel of another kind (udp)'],
  [`ssh -R0:localhost:8000 ann@example.com`, 'does not go to Pinggy'],
  [`ssh -R0:localhost ${PRO}`, 'does not lead to a local port'],
  [`ssh ${PRO} -p`, 'ends after -p'],
  [`ssh -p lots ${PRO}`, 'no port behind it'],
  [`ssh -R0:localhost:8000 ${PRO} sesame-open-please`, '2 words that could be the token'],
  ['docker run pinggy/pinggy -R0:127.0.0.1:{MCP_PORT} x:https', '{MCP_PORT} still has to be filled in'],
  ['docker compose up', 'docker compose'],
  ['docker ps', 'docker run'],
  ['docker run -it', 'names no image'],
  ['docker run --name', 'ends after --name'],
  ['docker run alpine sh', 'does not know'],
])('refuses %s, and writes nothing', async (text, why) => {
  const importer = new Importer();
  const { code, stdout, stderr } = await importer.type(text);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^tunneld: IMPORT_NOT_UNDERSTOOD: /);
  expect(stderr).toContain(why);
  for (const secret of SECRETS) expect(stderr).not.toContain(secret);
  expect(importer.secretFiles()).toEqual({});
  expect(() => importer.tunnels()).toThrow('ENOENT');
});

it('asks for the port of a line that has none, and takes it from --port', async () => {
  const text = `ssh ${PRO} k:${KEY}`;
  const { code, stderr } = await new Importer().type(text);
  expect(code).toBe(2);
  expect(stderr).toContain('IMPORT_INCOMPLETE');
  expect(stderr).toContain('--port');
  expect(await new Importer().entry(text, '--port', '3845')).toMatchObject({ port: 3845 });
});

it.each([
  GUIDE,
  line(`${PRO} k:${KEY} b:ann:hunter2-hunter2 u:X-Key:sesame-open-please z:${KEY} extra:`),
  line(`${PRO} k:hunter2-hunter2! b:ann b:ann:hunter2-hunter2:more`),
  line(`--unknown ${PRO} k:${KEY}`, `--unknown ${KEY}`),
])('prints no secret of %s', async (text) => {
  for (const extra of [[], ['--json'], ['--dry-run']]) {
    const { stdout, stderr } = await new Importer().type(text, ...extra);
    for (const secret of SECRETS) expect(stdout + stderr).not.toContain(secret);
  }
});
