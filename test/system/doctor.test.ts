import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { makeCertificate } from '../helpers/certificate.ts';
import { freePort } from '../helpers/free-port.ts';
import { startDualEra } from '../helpers/mcp-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';

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
  readonly first: { id: string; tunnel?: string; detail: string; remedy: string } | null;
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
    await judged(await freePort());
    const { code, first } = await doctor();
    expect(code).toBe(1);
    expect(first).toMatchObject({
      id: 'server',
      tunnel: 'figma',
      detail: expect.stringContaining('nothing listens'),
    });
  });

  it('a server on another port, and which', async () => {
    await using server = await startDualEra();
    await judged(await freePort());
    const { first } = await doctor();
    expect(first?.id).toBe('server');
    expect(first?.detail).toContain(String(server.port));
    expect(first?.remedy).toContain('--port');
  });

  it('a server that speaks TLS', async () => {
    const { key, cert } = makeCertificate();
    await judged(await listening(https.createServer({ key, cert }, (_, response) => response.end())));
    expect((await doctor()).first).toMatchObject({
      id: 'server',
      remedy: expect.stringContaining('https://'),
    });
  });

  it('a wrong path', async () => {
    const port = await listening(
      http.createServer((_, response) => void response.writeHead(404).end('Cannot POST /mcp')),
    );
    await judged(port);
    expect((await doctor()).first).toMatchObject({
      id: 'server',
      detail: expect.stringContaining('wrong-path'),
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
    expect((await doctor()).first).toMatchObject({
      id: 'server',
      detail: expect.stringContaining('host-refused'),
    });
  });

  it('a server that wants a login of its own', async () => {
    const port = await listening(
      http.createServer(
        (_, response) => void response.writeHead(401, { 'www-authenticate': 'Bearer' }).end(),
      ),
    );
    await home.up('figma', `--port=${port}`);
    const { code, first } = await doctor();
    expect(first).toMatchObject({ id: 'server', remedy: expect.stringContaining('login of its own') });
    expect(code).toBe(0);
  });

  it('a server that the whole network reaches', async () => {
    const port = await listening(
      http.createServer(
        (_, response) => void response.writeHead(401, { 'www-authenticate': 'Bearer' }).end(),
      ),
      '0.0.0.0',
    );
    await home.up('figma', `--port=${port}`);
    const { stdout } = await home.spawn(['doctor']);
    expect(stdout).toContain(`all interfaces (0.0.0.0:${port})`);
  });

  it('a container engine that is not there', async () => {
    await using server = await startDualEra();
    home.env['DOCKER_HOST'] = `unix://${home.folder}/no-engine.sock`;
    await home.run('up', 'figma', `--port=${server.port}`, '--provider=pinggy', '--no-wait');
    await home.until(
      'figma',
      ({ lastError, health }) => lastError !== undefined || health.local !== undefined,
    );
    const { first } = await doctor();
    expect(first).toMatchObject({
      id: 'pinggy engine',
      detail: expect.stringContaining('ENGINE_UNREACHABLE'),
    });
  });

  it('a port that somebody else has', async () => {
    const port = await listening(net.createServer());
    const { first } = await doctor({ TUNNELD_HEALTH_PORT: String(port) });
    expect(first).toMatchObject({ id: 'ports', detail: expect.stringContaining(String(port)) });
  });

  it('a mistake in the configuration, before everything it entails', async () => {
    await home.writeConfig('tunnels:\n  figma:\n    prot: 3845\n');
    const { first } = await doctor();
    expect(first).toMatchObject({ id: 'config', detail: expect.stringContaining('prot') });
  });

  it('a mistake that a running daemon has not applied', async () => {
    await home.ok('daemon', 'start');
    await home.writeConfig('tunnels: [\n');
    expect((await doctor()).first?.id).toBe('config');
  });

  it('a socket that a killed daemon left', async () => {
    await home.ok('daemon', 'start');
    await home.kill('SIGKILL');
    const { first } = await doctor();
    expect(first).toMatchObject({ id: 'daemon', detail: expect.stringContaining('left over') });
  });

  it('a state folder that is in the way of itself', async () => {
    const file = join(home.folder, 'file');
    writeFileSync(file, '');
    const { first } = await doctor({ TUNNELD_STATE_DIR: file });
    expect(first).toMatchObject({ id: 'folders', detail: expect.stringContaining('not a folder') });
  });

  it('a state folder that cannot be written', async ({ skip }) => {
    const folder = mounted('ro') ?? skip('this machine lets nobody mount');
    const { first } = await doctor({ TUNNELD_STATE_DIR: folder });
    expect(first).toMatchObject({ id: 'folders', detail: expect.stringContaining('read-only') });
  });

  it('a disk that is full', async ({ skip }) => {
    const folder = mounted('size=512k') ?? skip('this machine lets nobody mount');
    const { first } = await doctor({ TUNNELD_STATE_DIR: folder });
    expect(first).toMatchObject({ id: 'disk', detail: expect.stringContaining('0 MB free') });
  });
});
