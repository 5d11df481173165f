import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { VERSION } from '../../src/core/version.ts';
import type { RelaySettings } from '../../src/relayd/settings/relay-settings.ts';
import { parseGrants } from '../../src/relayd/static-tokens.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { freePort } from '../helpers/free-port.ts';
import { startDualEra } from '../helpers/mcp-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { startTestRelay } from '../relayd/harness.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NOBODY = 65_534;
/** An address of the loopback that nobody else has. */
const NAME_SERVER = '127.53.53.53';

let home: Tunneld;
const mounts: string[] = [];

beforeEach(async () => {
  home = await Tunneld.create();
});

afterEach(async () => {
  for (const folder of mounts.splice(0)) spawnSync('umount', ['--lazy', folder]);
  await home[Symbol.asyncDispose]();
});

interface Report {
  readonly ok: boolean;
  readonly first: { id: string; tunnel?: string; result: string; detail: string; remedy: string } | null;
}

/** What stands on top: the surface, the evidence and the remedy, whole. */
interface Fault {
  readonly id: string;
  readonly tunnel?: string;
  readonly detail: unknown;
  readonly remedy: unknown;
}

async function expectFault(fault: Fault, env: Record<string, string> = {}): Promise<void> {
  const { code, first } = await doctor(env);
  expect(first).toEqual({ result: 'bad', about: expect.any(String), ...fault });
  expect(code).toBe(1);
}

async function doctor(env: Record<string, string> = {}): Promise<Report & { code: number }> {
  const { code, stdout, stderr } = await home.spawn(['doctor', '--json'], env);
  expect(stderr).toBe('');
  return { code, ...(JSON.parse(stdout) as Report) };
}

/** Brings a tunnel up over what listens at `port`, and waits until its server was judged. */
async function judged(port: number, ...options: readonly string[]): Promise<void> {
  await home.run('up', 'figma', `--port=${port}`, '--no-wait', ...options);
  await home.until('figma', ({ health }) => health.local !== undefined);
}

async function listening(server: net.Server, host = '127.0.0.1'): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A folder on a file system of its own, if this machine lets us make one. */
function mounted(options: string): string | undefined {
  const folder = join(home.folder, 'mounted');
  mkdirSync(folder, { mode: 0o700 });
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `mode=0700,${options}`, 'tmpfs', folder]);
  if (status !== 0) return undefined;
  mounts.push(folder);
  return folder;
}

describe('doctor names first', () => {
  it('nothing, when a real tunnel serves', async () => {
    await using server = await startDualEra();
    await home.up('figma', `--port=${server.port}`);
    expect(await doctor()).toMatchObject({ code: 0, ok: true, first: null });
  });

  it('a server that is not there', async () => {
    const port = await freePort();
    await judged(port);
    await expectFault({
      id: 'server',
      tunnel: 'figma',
      // This machine may run servers that have nothing to do with us.
      detail: expect.stringMatching(
        `^nothing listens on 127\\.0\\.0\\.1:${port}(, but ports? .* answers? at /mcp)?$`,
      ),
      remedy: expect.stringMatching('^Start the server; the tunnel stays and heals by itself.$|^If '),
    });
  });

  it('a server on another port, and which', async () => {
    await using server = await startDualEra();
    const port = await freePort();
    await judged(port);
    await expectFault({
      id: 'server',
      tunnel: 'figma',
      detail: expect.stringMatching(
        `^nothing listens on 127\\.0\\.0\\.1:${port}, but ports? .*\\b${server.port}\\b.* answers? at /mcp$`,
      ),
      remedy: expect.stringMatching(
        /^If (?:that|one of them) is your server, use (?:that|its) port: --port /,
      ),
    });
  });

  it('a server that speaks TLS', async () => {
    const { key, cert } = makeCertificate();
    const port = await listening(https.createServer({ key, cert }, (_, response) => response.end()));
    await judged(port);
    await expectFault({
      id: 'server',
      tunnel: 'figma',
      detail: `tls-expected: 127.0.0.1:${port} speaks TLS, not plain HTTP`,
      remedy: `The server speaks TLS: use --url https://127.0.0.1:${port}/mcp.`,
    });
  });

  it('a wrong path', async () => {
    const { port } = await notFound();
    await judged(port);
    await expectFault({
      id: 'server',
      tunnel: 'figma',
      detail: 'wrong-path: the server knows no MCP at this path (404)',
      remedy: "Give the server's MCP path with --path (now /mcp); many use /mcp, /sse or /.",
    });
  });

  it('a server that refuses the Host it is given', async () => {
    const port = await listening(
      http.createServer((request, response) => {
        if (request.headers.host?.startsWith('localhost') === true) return void response.writeHead(500).end();
        const error = { code: -32000, message: `Invalid Host: ${request.headers.host}` };
        response.writeHead(403, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
      }),
    );
    await judged(port, '--host-header=example.com');
    await expectFault({
      id: 'server',
      tunnel: 'figma',
      detail: 'host-refused: the server refuses our Host or Origin (403 Invalid Host: example.com)',
      remedy: `Set hostHeader to a name the server accepts, for example 127.0.0.1:${port}.`,
    });
  });

  it('a server that wants a login of its own, as something to know', async () => {
    const port = await listening(wantsLogin());
    await home.up('figma', `--port=${port}`);
    const { code, first } = await doctor();
    expect(first).toEqual({
      id: 'server',
      tunnel: 'figma',
      result: 'warn',
      about: expect.any(String),
      detail: 'era unknown, the server answers, and asks for its own authorization (401)',
      remedy:
        "The server wants a login of its own. Clients send it as Authorization, and the tunnel's token as X-Tunneld-Token: `tunneld client figma` prints both.",
    });
    expect(code).toBe(0);
  });

  it('a server that the whole network reaches', async () => {
    const port = await listening(wantsLogin(), '0.0.0.0');
    await home.up('figma', `--port=${port}`);
    const { stdout } = await home.spawn(['doctor']);
    expect(stdout).toContain(`all interfaces (0.0.0.0:${port})`);
  });

  it('a container engine that is not there', async () => {
    await using server = await startDualEra();
    home.env['DOCKER_HOST'] = `unix://${home.folder}/no-engine.sock`;
    await withPinggy(server.port);
    await expectFault({
      id: 'pinggy engine',
      tunnel: 'figma',
      detail: `ENGINE_UNREACHABLE: No engine answers at ${home.folder}/no-engine.sock (DOCKER_HOST): ENOENT.`,
      remedy: 'Start Docker (or Podman) and check it with `docker version`; tunneld keeps trying.',
    });
  });

  it('a container engine whose socket is not for this user', async ({ skip }) => {
    await using server = await startDualEra();
    const socket = join(home.folder, 'engine.sock');
    await once(
      net
        .createServer()
        .listen(socket)
        .on('listening', () => chmodSync(socket, 0)),
      'listening',
    );
    // Root opens every socket: somebody else has to try.
    if (process.getuid?.() === 0) {
      spawnSync('chown', ['-R', String(NOBODY), home.folder]);
      spawnSync('chown', ['0', socket]);
      home.user = NOBODY;
      await home.run('version').catch(() => skip('another user cannot read this checkout'));
    }
    home.env['DOCKER_HOST'] = `unix://${socket}`;
    await withPinggy(server.port);
    await expectFault({
      id: 'pinggy engine',
      tunnel: 'figma',
      detail: `ENGINE_PERMISSION: No permission to use the engine at ${socket} (DOCKER_HOST).`,
      remedy: 'Join the docker group and log in again, or use rootless Podman; then `tunneld restart`.',
    });
  });

  it('a token that the relay does not know', async () => {
    await using server = await startDualEra();
    const relay = await startTestRelay({ ...onPath(), auth: tokens('another-token:figma') });
    await throughRelay(server.port, relay.port, 'a-token-nobody-knows');
    await home.until('figma', ({ state }) => state === 'failed');
    await expectFault({
      id: 'relay token',
      tunnel: 'figma',
      detail: `CREDENTIAL_REJECTED for "figma": The relay 127.0.0.1:${relay.port} refused the tunnel figma: invalid token`,
      remedy: 'Check the token given for this provider, then `tunneld restart`.',
    });
  });

  it('a name that the relay gives to another token', async () => {
    await using server = await startDualEra();
    const relay = await startTestRelay({ ...onPath(), auth: tokens('my-token-of-mine:notes,design') });
    await throughRelay(server.port, relay.port, 'my-token-of-mine');
    await home.until('figma', ({ state }) => state === 'failed');
    await expectFault({
      id: 'relay name',
      tunnel: 'figma',
      detail: `RELAY_NAME_DENIED for "figma": The relay 127.0.0.1:${relay.port} refused the tunnel figma: the token is not for the name figma; it may have: notes, design`,
      remedy: 'Ask for a name the token may have with `--name`, or for a token that may have this one.',
    });
  });

  it('a name that somebody else holds on the relay', async () => {
    await using server = await startDualEra();
    const relay = await startTestRelay(onPath());
    await relay.link('figma');
    await throughRelay(server.port, relay.port, 'my-token-of-mine');
    await home.until('figma', ({ state }) => state === 'failed');
    await expectFault({
      id: 'relay name',
      tunnel: 'figma',
      detail: `RELAY_NAME_TAKEN for "figma": The relay 127.0.0.1:${relay.port} refused the tunnel figma: somebody else holds the name figma`,
      remedy: 'Choose another name with --name, or free the old one.',
    });
  });

  it('a relay that is down', async () => {
    await using server = await startDualEra();
    const port = await freePort();
    const relay = await startTestRelay({ port, ...onPath(new URL(`http://127.0.0.1:${port}`)) });
    await throughRelay(server.port, port, 'my-token-of-mine');
    await home.until('figma', ({ health }) => health.verdict === 'healthy');
    await relay.stop();
    await home.until('figma', ({ state }) => state !== 'up');
    await expectFault({
      id: 'relay link',
      tunnel: 'figma',
      detail: `RELAY_UNREACHABLE: No connection to the relay 127.0.0.1:${relay.port}: ECONNREFUSED`,
      remedy: 'Check the relay address and that the relay is running; tunneld keeps trying.',
    });
  });

  it('name servers that do not answer', async ({ skip }) => {
    const route = readFileSync('/proc/net/route', 'utf8');
    if (!/^\w+\t0{8}\t/m.test(route)) skip('this machine has no default route, which is named first');
    await using server = await startDualEra();
    await home.run(
      'up',
      'figma',
      `--port=${server.port}`,
      '--relay=http://relay.tunneld.invalid',
      '--no-wait',
    );
    await home.until('figma', ({ lastError }) => lastError !== undefined);
    await expectFault({
      id: 'relay dns',
      tunnel: 'figma',
      detail: expect.stringMatching(
        /^the relay's name relay\.tunneld\.invalid does not resolve \((?:ENOTFOUND|EAI_AGAIN)\)$/,
      ),
      remedy: 'Check the name servers of this machine, and the address of the relay.',
    });
  });

  it.for([
    [
      'are silent',
      () => undefined,
      /^the relay's name relay\.example\.com does not resolve \(no answer within 3 s\)$/,
    ],
    ['fail', servfail, /^the relay's name relay\.example\.com does not resolve \(EAI_AGAIN\)$/],
  ] as const)(
    'name servers that are there and %s',
    { timeout: 60_000 },
    async ([_how, answer, detail], { skip }) => {
      await withNameServer(answer, skip);
      await using server = await startDualEra();
      await home.run('up', 'figma', `--port=${server.port}`, '--relay=http://relay.example.com', '--no-wait');
      const from = performance.now();
      await expectFault({
        id: 'relay dns',
        tunnel: 'figma',
        detail: expect.stringMatching(detail),
        remedy: 'Check the name servers of this machine, and the address of the relay.',
      });
      expect(performance.now() - from).toBeLessThan(9_000);
    },
  );

  it('a clock that is off', async () => {
    await using server = await startDualEra();
    const yesterday = new Date(Date.now() - 86_400_000).toUTCString();
    const front = await startFront({ answer: (headers) => ({ ...headers, date: yesterday }) });
    const relay = await startTestRelay(onPath(front.url));
    front.to(relay.port);
    await throughRelay(server.port, relay.port, 'my-token-of-mine');
    await home.until('figma', ({ health }) => health.verdict === 'healthy');
    await expectFault({
      id: 'clock',
      tunnel: 'figma',
      detail: expect.stringMatching(/^this clock is 864\d\d s ahead of that of the edge$/),
      remedy: 'Have this machine set its clock by NTP.',
    });
  });

  it('a tunnel that a proxy in front has opened to everybody', async () => {
    await using server = await startDualEra();
    const token = 'tnl_a-token-that-a-proxy-adds-for-all';
    const front = await startFront({ ask: (headers) => ({ ...headers, authorization: `Bearer ${token}` }) });
    const relay = await startTestRelay(onPath(front.url));
    front.to(relay.port);
    const { port } = server;
    const through = {
      url: `http://127.0.0.1:${relay.port}`,
      token: 'my-token-of-mine',
      publicHosts: ['127.0.0.1'],
    };
    await home.writeConfig(
      JSON.stringify({ tunnels: { figma: { port, relay: through, access: { token } } } }),
    );
    await home.run('up', '--no-wait');
    await home.until('figma', ({ lastError }) => lastError?.code === 'TUNNEL_EXPOSED');
    await expectFault({
      id: 'exposure',
      tunnel: 'figma',
      detail: 'Public leg: a request without a token was not refused.',
      remedy: 'Look for another service on the same address, then `tunneld restart`.',
    });
  });

  it('a port that somebody else has', async () => {
    const port = await listening(net.createServer());
    await expectFault(
      {
        id: 'ports',
        detail: `port ${port} (daemon.healthPort) is taken by another program`,
        remedy: 'Stop that program, or set daemon.healthPort (or TUNNELD_HEALTH_PORT) to another port.',
      },
      { TUNNELD_HEALTH_PORT: String(port) },
    );
  });

  it('a mistake in the configuration, before everything it entails', async () => {
    await home.writeConfig('tunnels:\n  figma:\n    prot: 3845\n');
    await expectFault({
      id: 'config',
      detail: [
        `${home.configFile} has 2 mistakes:`,
        `  ${home.configFile}:2:3 tunnels.figma: Give \`port\`, \`url\`, \`sse\` or \`command\`: where does the MCP server listen, or how is it started?`,
        `  ${home.configFile}:3:5 tunnels.figma.prot: Unknown key; did you mean "port"?`,
      ].join('\n'),
      remedy: `Correct what is listed, then run \`tunneld config check --config ${home.configFile}\`.`,
    });
  });

  it('a mistake that a running daemon has not applied', async () => {
    await home.ok('daemon', 'start');
    await home.writeConfig('tunnels: [\n');
    // The daemon sees the change of the file a moment later.
    const { stdout, stderr } = await waitFor(async () => {
      const result = await home.spawn(['doctor', '--json']);
      return result.stderr === '' ? undefined : result;
    });
    expect((JSON.parse(stdout) as Report).first?.id).toBe('config');
    expect(stderr).toContain('The config file is not applied');
  });

  it('a daemon of an older version', async () => {
    const old = join(home.folder, 'old');
    cpSync(join(ROOT, 'dist'), join(old, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(old, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(old, 'node_modules'));
    writeFileSync(join(old, 'dist/core/version.js'), "export const VERSION = '0.0.1';\n");
    const { main } = home;
    home.main = join(old, 'dist/cli/main.js');
    await home.ok('daemon', 'start');
    home.main = main;
    const { pid } = await home.daemon();
    await expectFault({
      id: 'daemon',
      detail: `the daemon (pid ${pid}) is version 0.0.1, this command ${VERSION}`,
      remedy: 'Restart it: `tunneld daemon stop`, then `tunneld daemon start`.',
    });
  });

  it('a socket that a killed daemon left', async () => {
    await home.ok('daemon', 'start');
    await home.kill('SIGKILL');
    await expectFault({
      id: 'daemon',
      detail: `No daemon is running (nothing answers on ${home.runtimeDir}/tunneld.sock); the socket is left over from one that was killed`,
      remedy: 'Start it with `tunneld daemon start`, or bring a tunnel up with `tunneld up`.',
    });
  });

  it('a state folder that is in the way of itself', async () => {
    const file = join(home.folder, 'file');
    writeFileSync(file, '');
    await expectFault(
      { id: 'folders', detail: `${file} is not a folder`, remedy: 'Move away what is in its place.' },
      { TUNNELD_STATE_DIR: file },
    );
  });

  it('a state folder that cannot be written', async ({ skip }) => {
    const folder = mounted('ro') ?? skip('this machine lets nobody mount');
    await expectFault(
      {
        id: 'folders',
        detail: `${folder} cannot be used: the file system is read-only`,
        remedy: 'Make it writable by you, on a file system that is.',
      },
      { TUNNELD_STATE_DIR: folder },
    );
  });

  it('a disk that is full', async ({ skip }) => {
    const folder = mounted('size=512k') ?? skip('this machine lets nobody mount');
    await expectFault(
      { id: 'disk', detail: `0 MB free at ${folder}`, remedy: 'Free space on that disk.' },
      { TUNNELD_STATE_DIR: folder },
    );
  });
});

/** Has the home's commands and daemon ask a name server of ours, in a mount namespace of their own. */
async function withNameServer(
  answer: (query: Buffer) => Buffer | undefined,
  skip: (why: string) => never,
): Promise<void> {
  const route = readFileSync('/proc/net/route', 'utf8');
  if (!/^\w+\t0{8}\t/m.test(route)) skip('this machine has no default route, which is named first');
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0) skip('this machine lets nobody mount');
  const server = dgram.createSocket('udp4');
  onTestFinished(() => void server.close());
  server.on('message', (query, { port, address }) => {
    const response = answer(query);
    if (response !== undefined) server.send(response, port, address);
  });
  server.bind(53, NAME_SERVER);
  await once(server, 'listening');
  const file = join(home.folder, 'resolv.conf');
  writeFileSync(file, `nameserver ${NAME_SERVER}\n`);
  const run = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  home.within = ['unshare', '--mount', 'sh', '-c', run, file];
}

/** The question with the answer bit and the code "server failure": RFC 1035, 4.1.1. */
function servfail(query: Buffer): Buffer {
  const response = Buffer.from(query);
  response.writeUInt16BE(0x8182, 2);
  return response;
}

const wantsLogin = () =>
  http.createServer((_, response) => void response.writeHead(401, { 'www-authenticate': 'Bearer' }).end());

async function notFound(): Promise<{ port: number }> {
  const server = http.createServer((_, response) => void response.writeHead(404).end('Cannot POST /mcp'));
  return { port: await listening(server) };
}

async function withPinggy(port: number): Promise<void> {
  await home.run('up', 'figma', `--port=${port}`, '--provider=pinggy', '--no-wait');
  await home.until('figma', ({ lastError, health }) => lastError !== undefined || health.local !== undefined);
}

/** Where no visitor comes, any address will do. */
function onPath(publicUrl = new URL('http://127.0.0.1')): Partial<RelaySettings> {
  return { routing: 'path', publicUrl };
}

function tokens(line: string): RelaySettings['auth'] {
  const grants = parseGrants(line, 'the test');
  return { kind: 'static', grants: () => grants };
}

async function throughRelay(port: number, relayPort: number, token: string): Promise<void> {
  home.env['RELAY_TOKEN'] = token;
  const relay = [
    `--relay=http://127.0.0.1:${relayPort}`,
    '--relay-token=env:RELAY_TOKEN',
    '--relay-public-host=127.0.0.1',
  ];
  await home.run('up', 'figma', `--port=${port}`, ...relay, '--no-wait');
}

interface Alterations {
  ask?(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders;
  answer?(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders;
}

/** A proxy in front of a relay: what visitors reach, and what alters what passes. */
async function startFront({ ask = (headers) => headers, answer = (headers) => headers }: Alterations) {
  let port = 0;
  const server = http.createServer((request, response) => {
    const { method, url: path } = request;
    const onward = http.request({ port, host: '127.0.0.1', method, path, headers: ask(request.headers) });
    onward.on('response', (incoming) => {
      response.writeHead(incoming.statusCode ?? 0, answer(incoming.headers));
      incoming.on('error', () => response.destroy()).pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  const url = new URL(`http://127.0.0.1:${await listening(server)}`);
  const to = (relayPort: number) => {
    port = relayPort;
  };
  return { url, to };
}
