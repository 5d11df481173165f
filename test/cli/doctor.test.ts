import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Check, firstOf, ok, runChecks } from '../../src/cli/doctor/check.ts';
import { findElsewhere } from '../../src/cli/doctor/elsewhere.ts';
import { isEverywhere, parseListeners } from '../../src/cli/doctor/listeners.ts';
import { nodeVersion } from '../../src/cli/doctor/machine-checks.ts';
import { checkServer } from '../../src/cli/doctor/server-check.ts';
import { systemClock } from '../../src/core/clock.ts';
import { TunneldError } from '../../src/core/errors.ts';
import { VERSION } from '../../src/core/version.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { startTestRelay } from '../relayd/harness.ts';
import { Console } from './console.ts';
import { health, ScriptedDaemon, tunnel } from './scripted-daemon.ts';

interface Report {
  readonly ok: boolean;
  readonly first: { id: string; tunnel?: string; detail: string; remedy: string } | null;
  readonly checks: readonly { id: string; result: string; detail: string }[];
}

/** A daemon of our own version, a server that listens and a health endpoint that answers. */
class WholeDaemon extends ScriptedDaemon {
  version: string = VERSION;
  healthUrl = '';
  gatewayUrl = '';

  override info() {
    return { ...super.info(), version: this.version, healthUrl: this.healthUrl };
  }

  override inspect(name: string) {
    return { ...super.inspect(name), gatewayUrl: this.gatewayUrl };
  }
}

async function serve(listener: http.RequestListener): Promise<string> {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a gateway does with a request, at its own port or behind an edge. */
const guarded: http.RequestListener = (request, response) => {
  const admitted = request.headers.authorization === 'Bearer tnl_shown';
  response.writeHead(admitted ? 200 : 401, { 'x-tunneld': 'instance' }).end();
};

async function healthyTunnel(more: Parameters<typeof tunnel>[1] = {}) {
  const base = await serve(guarded);
  const leg = { ok: true, at: 0, finding: 'ok', detail: 'fine' };
  return tunnel('figma', {
    upstream: `${await serve(guarded)}/mcp`,
    publicUrl: base,
    mcpUrl: `${base}/mcp`,
    health: health('healthy', { local: leg, public: leg }),
    ...more,
  });
}

async function consoleWith(...tunnels: Awaited<ReturnType<typeof healthyTunnel>>[]) {
  const daemon = new WholeDaemon(...tunnels);
  daemon.healthUrl = await serve((_, response) => response.end(JSON.stringify({ pid: process.pid })));
  daemon.gatewayUrl = await serve(guarded);
  const user = await Console.with(daemon);
  // The checks ask real sockets, which a console's hurried clock would not wait for.
  user.clock = systemClock;
  return { daemon, user };
}

async function firstFault(user: Console): Promise<NonNullable<Report['first']>> {
  const report = (await user.json('doctor')) as Report;
  if (report.first === null) throw new Error('doctor finds nothing wrong');
  return report.first;
}

describe('tunneld doctor', () => {
  it('finds nothing wrong where nothing is, and exits with 0', async () => {
    const { user } = await consoleWith(await healthyTunnel());
    const { code, stdout } = await user.type('doctor');
    expect(stdout).toContain('Nothing is wrong.');
    expect(code).toBe(0);
  });

  it('says what each check is for when asked, and never a token', async () => {
    const status = await healthyTunnel({
      state: 'failed',
      lastError: error('RELAY_UNREACHABLE', 'with tnl_shown'),
    });
    const { user } = await consoleWith(status);
    const { code, stdout } = await user.type('doctor', 'figma', '--explain');
    expect(code).toBe(1);
    expect(stdout).toContain('The public URL answers nobody without the token.');
    expect(stdout).toContain('with [redacted]');
    expect(stdout).not.toContain('tnl_shown');
  });

  it('marks what it asks without the token as its own, and shows the mark to nobody', async () => {
    const strangers: (string | undefined)[] = [];
    const seen: http.RequestListener = (request, response) => {
      if (request.headers.authorization === undefined)
        strangers.push(request.headers['x-tunneld-probe'] as string);
      guarded(request, response);
    };
    const base = await serve(seen);
    const { user, daemon } = await consoleWith(
      await healthyTunnel({ publicUrl: base, mcpUrl: `${base}/mcp` }),
    );
    daemon.gatewayUrl = await serve(seen);
    daemon.showToken = async (name) => ({ name, token: 'tnl_shown', probeKey: 'key-of-probes' });
    const { code, stdout } = await user.type('doctor', '--explain');
    expect(code).toBe(0);
    expect(strangers).toEqual([
      expect.stringMatching(/^key-of-probes\.[\w-]+$/),
      expect.stringMatching(/^key-of-probes\.[\w-]+$/),
    ]);
    expect(stdout + (await user.type('token', 'show', 'figma', '--json')).stdout).not.toContain(
      'key-of-probes',
    );
  });

  it('warns of a public URL whose callers can be listened to', async () => {
    const { user } = await consoleWith(await healthyTunnel({ publicUrl: 'http://tunnel.invalid' }));
    const { checks } = (await user.json('doctor')) as Report;
    expect(checks.find(({ id }) => id === 'notes')).toMatchObject({
      result: 'warn',
      detail: expect.stringContaining('everybody on the way can read the token'),
    });
  });

  it('looks past a tunnel that was taken down, whose gateway has no address', async () => {
    const { daemon, user } = await consoleWith(await healthyTunnel({ desired: 'down', state: 'stopped' }));
    daemon.gatewayUrl = '';
    const { code, stdout } = await user.type('doctor');
    expect(stdout).toContain('down on purpose');
    expect(code).toBe(0);
  });

  it('does not take what answers in the place of a tunnel that is not up for a fault of its own', async () => {
    const { daemon, user } = await consoleWith(
      await healthyTunnel({
        state: 'backing-off',
        publicUrl: await serve((_, response) => response.writeHead(404).end()),
        lastError: error('RELAY_UNREACHABLE', 'ECONNREFUSED'),
      }),
    );
    daemon.gatewayUrl = '';
    const { stdout } = await user.type('doctor');
    expect(stdout).toContain('it does not run');
    expect(stdout).toMatch(/^bad {3}figma: tunnel/m);
    expect(stdout).not.toContain('other than this gateway');
  });

  it('knows no tunnel that is not there', async () => {
    const { user } = await consoleWith();
    expect(await user.type('doctor', 'nobody')).toMatchObject({ code: 3 });
  });

  it.each([
    ['CREDENTIAL_REJECTED', 'The relay refused the token'],
    ['RELAY_UNREACHABLE', 'ECONNREFUSED relay.example:443'],
    ['RELAY_NAME_TAKEN', 'figma is held by somebody else'],
  ])('passes on %s as the fault of the tunnel', async (code, message) => {
    const { user } = await consoleWith(
      await healthyTunnel({ state: 'failed', lastError: error(code, message) }),
    );
    expect(await firstFault(user)).toMatchObject({
      id: 'tunnel',
      tunnel: 'figma',
      detail: `failed: ${code}: ${message}`,
      remedy: `mend ${code}`,
    });
  });

  it("names a provider's own finding before the tunnel it keeps from opening", async () => {
    const status = await healthyTunnel({
      provider: 'pinggy',
      state: 'backing-off',
      lastError: error('ENGINE_PERMISSION', 'EACCES'),
    });
    const { user, daemon } = await consoleWith(status);
    const findings = [
      { name: 'engine', ok: false, detail: 'EACCES /var/run/docker.sock', remedy: 'join docker' },
    ];
    daemon.diagnosis = { findings };
    expect(await firstFault(user)).toMatchObject({ id: 'pinggy engine', remedy: 'join docker' });
  });

  it('names a public name that does not resolve', async () => {
    const publicUrl = 'https://gone.invalid';
    const far = { ok: false, at: 0, finding: 'no-answer', detail: 'ENOTFOUND' };
    const verdict = health('tunnel-down', { local: { ...far, ok: true, finding: 'ok' }, public: far });
    const { user } = await consoleWith(
      await healthyTunnel({ publicUrl, mcpUrl: `${publicUrl}/mcp`, provider: 'relay', health: verdict }),
    );
    const report = (await user.json('doctor')) as Report;
    const dns = report.checks.find(({ id }) => id === 'dns');
    expect(dns).toMatchObject({
      result: 'bad',
      detail: expect.stringContaining('gone.invalid does not resolve'),
    });
    // A machine without any network has a reason nearer than DNS.
    expect(['dns', 'network']).toContain(report.first?.id);
  });

  it('names a daemon of another version', async () => {
    const { user, daemon } = await consoleWith(await healthyTunnel());
    daemon.version = '0.0.1';
    expect(await firstFault(user)).toMatchObject({ id: 'daemon', detail: expect.stringContaining('0.0.1') });
  });

  it('names a daemon that speaks another protocol, and looks at the rest', async () => {
    const { user, daemon } = await consoleWith(await healthyTunnel());
    daemon.version = '0.0.1';
    daemon.list = () => {
      throw new TunneldError('PROTOCOL_MISMATCH', 'The daemon (0.0.1) speaks protocol 0, this command 1');
    };
    const { id, detail } = await firstFault(user);
    expect({ id, detail }).toEqual({ id: 'daemon', detail: expect.stringContaining('0.0.1') });
  });

  it('gives up a daemon that does not answer as soon as any other check', async () => {
    const { user, daemon } = await consoleWith();
    const asked = new Promise<void>((resolve) => {
      daemon.info = () => {
        resolve();
        return new Promise<never>(() => {}) as never;
      };
    });
    const clock = new FakeClock();
    user.clock = clock;
    const fault = firstFault(user);
    await asked;
    await clock.advance(8_000);
    expect(await fault).toMatchObject({ id: 'daemon', detail: expect.stringContaining('8 s') });
  });

  it('names a clock that is off', async () => {
    const base = await serve((request, response) => {
      response.setHeader('date', new Date(Date.now() - 600_000).toUTCString());
      guarded(request, response);
    });
    const { user } = await consoleWith(await healthyTunnel({ publicUrl: base, mcpUrl: `${base}/mcp` }));
    expect(await firstFault(user)).toMatchObject({
      id: 'clock',
      detail: expect.stringMatching(/60\d s ahead/),
    });
  });

  it('names a tunnel that lets everybody in', async () => {
    const base = await serve((_, response) => response.writeHead(200, { 'x-tunneld': 'instance' }).end());
    const { user } = await consoleWith(await healthyTunnel({ publicUrl: base, mcpUrl: `${base}/mcp` }));
    expect(await firstFault(user)).toMatchObject({
      id: 'exposure',
      detail: expect.stringContaining('without a token'),
    });
  });

  it('names a public URL that somebody else answers', async () => {
    const base = await serve((_, response) => response.writeHead(404).end('no such tunnel'));
    const { user } = await consoleWith(await healthyTunnel({ publicUrl: base, mcpUrl: `${base}/mcp` }));
    expect(await firstFault(user)).toMatchObject({
      id: 'url',
      detail: expect.stringContaining('something other than this gateway'),
    });
  });

  it('names a gateway that does not know its token', async () => {
    const { user, daemon } = await consoleWith(await healthyTunnel());
    daemon.gatewayUrl = await serve((_, response) => response.writeHead(401).end());
    expect(await firstFault(user)).toMatchObject({ id: 'gateway', detail: expect.stringContaining('401') });
  });
});

describe('a server that is not there', () => {
  /** The port of a server that was there a moment ago. */
  async function gone(): Promise<URL> {
    const server = http.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return new URL(`http://127.0.0.1:${port}/mcp`);
  }

  async function asked(listener: http.RequestListener): Promise<{ port: number; methods: string[] }> {
    const methods: string[] = [];
    const base = await serve((request, response) => {
      methods.push(`${request.method} ${request.url} ${request.headers['mcp-session-id'] === undefined}`);
      listener(request, response);
    });
    return { port: Number(new URL(base).port), methods };
  }

  const listener = (port: number, address = '127.0.0.1') => ({ address, port, uid: process.getuid?.() ?? 0 });

  it('is looked for without opening a stream or a session anywhere', async () => {
    const mcp = await asked((_, response) => response.writeHead(405, { allow: 'GET, POST, DELETE' }).end());
    const found = await findElsewhere(await gone(), [listener(mcp.port)], new Set());
    expect(found).toEqual([mcp.port]);
    expect(mcp.methods).toEqual(['OPTIONS /mcp false']);
  });

  it('is none of the gateways and relays of tunneld, of whichever daemon', async () => {
    const gateway = await asked((_, response) => response.writeHead(401, { 'x-tunneld': 'other' }).end());
    const relay = await asked((_, response) => response.writeHead(401, { 'x-tunneld-relay': 'x' }).end());
    const ours = await asked((_, response) => response.writeHead(405).end());
    const all = [gateway, relay, ours].map(({ port }) => listener(port));
    expect(await findElsewhere(await gone(), all, new Set([ours.port]))).toEqual([]);
    expect(ours.methods).toEqual([]);
  });

  it('is what knows the path, or the session that does not exist', async () => {
    const nothing = await asked((_, response) => response.writeHead(404).end('Cannot OPTIONS /mcp'));
    const session = await asked((_, response) =>
      response.writeHead(404).end('{"message":"Session not found"}'),
    );
    const wrong = [nothing, session].map(({ port }) => listener(port));
    expect(await findElsewhere(await gone(), wrong, new Set())).toEqual([session.port]);
  });

  it('is found among more listeners than can be asked at once, and behind ones that hang', async () => {
    const hanging = await Promise.all(Array.from({ length: 40 }, () => asked(() => {})));
    const mcp = await asked((_, response) => response.writeHead(405).end());
    const all = [...hanging.map(({ port }) => listener(port)), { ...listener(mcp.port), address: '0.0.0.0' }];
    expect(await findElsewhere(await gone(), all, new Set())).toEqual([mcp.port]);
  });

  it('may be on the other address of this machine', async () => {
    const server = http.createServer((_, response) => response.end()).listen(0, '::1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const facts = {
      name: 'figma',
      upstream: new URL(`http://127.0.0.1:${port}/mcp`),
      ours: new Set<number>(),
    };
    expect(await checkServer({ ...facts, hosts: ['127.0.0.1', '::1'] }, undefined)).toMatchObject({
      result: 'skipped',
    });
    expect(await checkServer({ ...facts, hosts: ['127.0.0.1'] }, undefined)).toMatchObject({ result: 'bad' });
  });
});

describe('without a daemon', () => {
  it('it is the daemon that is missing, not the tunnel that it would bring back', async () => {
    const user = new Console();
    // Whatever else runs on this machine may have the default port.
    user.env['TUNNELD_DAEMON_RELAY_PORT'] = '0';
    const state = { tunnels: { figma: { spec: { port: 1 }, source: 'cli', desired: 'up', tokens: [] } } };
    await mkdir(join(user.folder, 'state'), { recursive: true, mode: 0o700 });
    await writeFile(join(user.folder, 'state', 'state.json'), JSON.stringify(state), { mode: 0o600 });
    const { code, stdout } = await user.type('doctor', 'figma', '--json');
    const report = JSON.parse(stdout) as Report;
    expect(code).toBe(1);
    expect(report.first).toMatchObject({
      id: 'daemon',
      remedy: expect.stringContaining('tunneld daemon start'),
    });
    expect(report.checks.map(({ id }) => id)).toContain('server');
    expect(await user.type('doctor', 'nobody')).toMatchObject({ code: 3 });

    await writeFile(join(user.folder, 'state', 'state.json'), '{ "tunnels": ');
    expect(((await user.json('doctor', 'nobody')) as Report).first).toMatchObject({ id: 'daemon' });
  });
});

describe('a server that wants a login of its own', () => {
  it('is told apart from the token of the tunnel', async () => {
    const local = { ok: true, at: 0, finding: 'needs-auth', detail: '401' };
    const { user } = await consoleWith(await healthyTunnel({ health: health('healthy', { local }) }));
    const { stdout } = await user.type('doctor');
    expect(stdout).toContain("send it as Authorization, and the tunnel's token as X-Tunneld-Token");
    expect(stdout).toContain('`tunneld client figma`');
  });
});

describe('the checks', () => {
  const check = (id: string, run: Check['run']): Check => ({ id, about: '', run });

  it('run at once, and one that hangs is given up', async () => {
    const clock = new FakeClock();
    const order: string[] = [];
    const checks = [
      check('hangs', () => new Promise(() => order.push('hangs'))),
      check('throws', async () => Promise.reject(new Error('oops'))),
      check('works', async () => {
        order.push('works');
        return ok('fine');
      }),
    ];
    const reports = runChecks(checks, clock, 5_000);
    expect(order).toEqual(['hangs', 'works']);
    await clock.advance(5_000);
    const results = (await reports).map(({ id, result, detail }) => `${id} ${result} ${detail}`);
    expect(results).toEqual(['hangs bad no answer within 5 s', 'throws bad oops', 'works ok fine']);
    expect(firstOf(await reports)?.id).toBe('hangs');
  });

  it('know which Node is too old', () => {
    const results = ['18.20.4', '20.18.3', '20.19.0', '24.1.0'].map((version) => nodeVersion(version).result);
    expect(results).toEqual(['bad', 'bad', 'ok', 'ok']);
  });

  it('read who listens where', () => {
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:1D97 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0
   1: 00000000:0F05 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0100007F:1D97 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 3 1 0 100 0 0 10 0`;
    const found = parseListeners(table);
    expect(found).toEqual([
      { address: '127.0.0.1', port: 7575, uid: 1000 },
      { address: '0.0.0.0', port: 3845, uid: 0 },
    ]);
    expect(found.map(isEverywhere)).toEqual([false, true]);
    const six = parseListeners(`head
   0: 00000000000000000000000000000000:0050 0:0 0A 0 0 0 0
   1: 00000000000000000000000001000000:0050 0:0 0A 0 0 0 0`);
    expect(six.map(({ address }) => address)).toEqual(['::', '::1']);
  });
});

describe('tunneld ready', () => {
  it('says nothing and exits with 0 when what is wanted serves', async () => {
    const user = await Console.with(
      new ScriptedDaemon(tunnel('a'), tunnel('b', { desired: 'down', state: 'stopped' })),
    );
    expect(await user.type('ready')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await user.type('ready', 'b')).toMatchObject({ code: 1, stderr: 'b is stopped' });
    expect(await user.type('ready', 'c')).toMatchObject({ code: 3 });
    expect(await new Console().type('ready')).toMatchObject({ code: 4 });
  });

  it('asks a relay whether it takes agents and visitors', async () => {
    const relay = await startTestRelay({ adminPort: 0 });
    const port = relay.adminUrl?.port ?? '';
    const user = new Console();
    expect(await user.type('ready', '--relay', '--admin-port', port)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    user.env['TUNNELD_RELAY_ADMIN_PORT'] = port;
    expect(await user.json('ready', '--relay')).toEqual({ ready: true, reasons: [] });
    await relay.stop();
    expect(await user.type('ready', '--relay')).toMatchObject({
      code: 1,
      stderr: `relay is not ready: no relay answers at http://127.0.0.1:${port}/readyz: ECONNREFUSED`,
    });

    const ending = new URL(await serve((_, response) => response.writeHead(503).end()));
    expect(await user.type('ready', '--relay', '--admin-port', ending.port)).toMatchObject({
      code: 1,
      stderr: 'relay is not ready: the relay is shutting down: it accepts no new agents and visitors',
    });
    const other = new URL(await serve((_, response) => response.writeHead(404).end()));
    expect(await user.type('ready', '--relay', '--admin-port', other.port)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('this is not the admin port of a relay'),
    });
    for (const words of [
      ['figma', '--relay'],
      ['--admin-port', '1'],
      ['--relay', '--admin-port', 'x'],
    ])
      expect(await user.type('ready', ...words)).toMatchObject({ code: 2 });
  });

  it('gives the reasons that status gives', async () => {
    const user = await Console.with(new ScriptedDaemon(tunnel('a', { health: health('server-down') })));
    expect(await user.type('ready')).toMatchObject({
      code: 1,
      stderr: 'a is up/server-down: the cause of server-down',
    });
    expect(await user.json('ready', 'a')).toEqual({
      ready: false,
      reasons: [
        {
          name: 'a',
          state: 'up/server-down',
          why: 'the cause of server-down',
          fix: 'the remedy of server-down',
        },
      ],
    });
  });
});

function error(code: string, message: string) {
  return { code, message, remedy: `mend ${code}`, at: 0 };
}
