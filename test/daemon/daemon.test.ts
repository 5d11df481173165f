import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { resolvePaths } from '../../src/config/paths.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type RunningDaemon, startDaemon } from '../../src/daemon/start-daemon.ts';
import { pinggy } from '../../src/providers/pinggy/kind.ts';
import { freePort } from '../helpers/free-port.ts';
import { startDualEra, type TestServer } from '../helpers/mcp-servers.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';

/** The whole daemon in this process: real gateway, relay, health and MCP server, on loopback. */

let env: Record<string, string>;
let running: RunningDaemon;
let server: TestServer;

beforeEach(async () => {
  const folder = tempFolder();
  env = {
    HOME: folder,
    TUNNELD_STATE_DIR: join(folder, 'state'),
    TUNNELD_RUNTIME_DIR: join(folder, 'run'),
    TUNNELD_LOG_DIR: join(folder, 'log'),
    TUNNELD_DAEMON_RELAY_PORT: String(await freePort()),
    TUNNELD_HEALTH_PORT: '0',
    TUNNELD_CONFIG: join(folder, 'tunneld.yaml'),
  };
  writeFileSync(env['TUNNELD_CONFIG'] ?? '', 'tunnels: {}\n', { mode: 0o600 });
  server = await startDualEra();
  running = await start();
});

afterEach(async () => {
  await running.close();
  await server.stop();
});

function start(): Promise<RunningDaemon> {
  const paths = resolvePaths(env);
  return startDaemon({ paths, env, clock: systemClock, random: Math.random, onStop: () => {} });
}

function status() {
  return running.daemon.status('figma');
}

function until(verdict: string): Promise<boolean> {
  return waitFor(() => status().health.verdict === verdict, { timeoutMs: 15_000, what: verdict });
}

it('loads at its start what the tunnels need that are down, while there are descriptors', async () => {
  env['DOCKER_HOST'] = `unix://${env['HOME']}/no-engine.sock`;
  await running.daemon.up('later', { port: server.port, provider: 'pinggy' });
  await running.daemon.down('later');
  await running.close();
  const load = vi.spyOn(pinggy, 'load');
  onTestFinished(() => load.mockRestore());
  running = await start();
  expect(running.daemon.status('later').state).toBe('stopped');
  expect(load).toHaveBeenCalledOnce();
});

it('names what to do about a provider that could not be loaded for want of descriptors', async () => {
  const failure = Object.assign(new Error("EMFILE: too many open files, open 'x'"), { code: 'EMFILE' });
  const load = vi.spyOn(pinggy, 'load').mockRejectedValue(failure);
  onTestFinished(() => load.mockRestore());
  await expect(running.daemon.up('later', { port: server.port, provider: 'pinggy' })).rejects.toMatchObject({
    code: 'SYSTEM_REFUSED',
    remedy: expect.stringContaining('tunneld daemon restart'),
  });
});

it('gives a token once, and the same tunnel back under the same URL and token after a restart', async () => {
  const first = await running.daemon.up('figma', { port: server.port });
  expect(first).toMatchObject({ created: true, changed: false, token: expect.stringMatching(/^tnl_/) });
  const again = await running.daemon.up('figma', { port: server.port });
  expect(again).toMatchObject({ created: false, changed: false });
  expect(again.token).toBeUndefined();
  await until('healthy');
  const url = status().mcpUrl;

  await running.close();
  running = await start();
  await until('healthy');
  expect(status().mcpUrl).toBe(url);
  expect((await running.daemon.showToken('figma')).token).toBe(first.token);
});

it('keeps the session while the server is away, and while its upstream is changed', async () => {
  await running.daemon.up('figma', { port: server.port });
  await until('healthy');
  await server.stop();
  await running.daemon.up('figma', { port: server.port, health: { probe: 'tcp' } });
  await until('server-down');
  server = await startDualEra();
  await running.daemon.up('figma', { port: server.port });
  await until('healthy');
  expect(status()).toMatchObject({ state: 'up', replacements: 0, session: { generation: 1 } });
});

it('tells no token to the status, the inspection or the log, and shows it when asked', async () => {
  await running.daemon.up('figma', { port: server.port });
  await until('healthy');
  const { token } = await running.daemon.rotateToken('figma', 60_000);
  const { relayUrl, healthUrl } = running.daemon.info();
  await fetch(`${relayUrl}/figma/mcp?token=${token}`);
  const metrics = await (await fetch(`${healthUrl}/metrics`)).text();
  expect(metrics).toContain('tunneld_tunnel_up{tunnel="figma",provider="relay"} 1');
  const said = JSON.stringify([status(), running.daemon.inspect('figma'), running.daemon.info()]) + metrics;
  expect(said).not.toContain(token);
  await waitFor(() => log().includes('"kind":"request"'));
  expect(log()).not.toContain(token);
});

it('answers /readyz with the reasons', async () => {
  const { healthUrl } = running.daemon.info();
  await running.daemon.up('figma', { port: await freePort() });
  await until('server-down');
  const ready = await fetch(`${healthUrl}/readyz?tunnel=figma`);
  expect(ready.status).toBe(503);
  // Every user of the machine may ask: no name, no address, no cause.
  expect(await ready.json()).toEqual({ ready: false, reasons: [{ state: 'up/server-down' }] });
  expect((await fetch(`${healthUrl}/readyz?tunnel=nobody`)).status).toBe(404);
  expect((await fetch(`${healthUrl}/healthz`)).status).toBe(200);
});

it('answers on the health endpoint under a loopback name alone', async () => {
  const { healthUrl } = running.daemon.info();
  const answered = async (host: string) => {
    const request = http.get(`${healthUrl}/metrics`, { agent: false, headers: { host } });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    return response.statusCode;
  };
  expect(await answered('evil.example')).toBe(403);
  expect(await answered('127.0.0.1.evil.example')).toBe(403);
  expect(await answered('localhost:7576')).toBe(200);
});

it('tells the lag of its loop as a number, and no metric that is none', async () => {
  const { healthUrl } = running.daemon.info();
  for (let scrape = 0; scrape < 2; scrape++) {
    const { loopLagMs } = (await (await fetch(`${healthUrl}/healthz`)).json()) as {
      loopLagMs: Record<string, unknown>;
    };
    for (const figure of ['mean', 'p99', 'max']) expect(loopLagMs[figure]).toEqual(expect.any(Number));
    const metrics = await (await fetch(`${healthUrl}/metrics`)).text();
    expect(metrics).not.toMatch(/NaN|nodejs_eventloop_lag_min/i);
  }
});

it('follows the config file, and keeps the last good one after a bad edit', async () => {
  const file = running.daemon.info().configFile ?? '';
  const names = () => running.daemon.list().map(({ name }) => name);
  const edit = async (text: string) => {
    writeFileSync(file, text, { mode: 0o600 });
    await running.daemon.reload();
  };
  await edit(`tunnels: { one: { port: ${server.port} }, two: { port: ${server.port} } }`);
  expect(names()).toEqual(['one', 'two']);
  await edit('tunnels: { one: { port: nonsense } }');
  expect(names()).toEqual(['one', 'two']);
  expect(running.daemon.info().configError).toMatchObject({ code: 'CONFIG_INVALID' });
  await edit(`tunnels: { one: { port: ${server.port}, path: /other } }`);
  await waitFor(() => names().length === 1, { what: 'the end of the tunnel that is gone from the file' });
  expect(names()).toEqual(['one']);
  expect(running.daemon.status('one').upstream).toMatch(/\/other$/);
  expect(running.daemon.info().configError).toBeUndefined();
});

it('restarts a tunnel as a new session under the same URL, and forgets one that is removed', async () => {
  await running.daemon.up('figma', { port: server.port });
  await until('healthy');
  const { mcpUrl } = status();
  await running.daemon.restart('figma');
  await waitFor(() => status().session?.generation === 2, { what: 'the next session' });
  expect(status().mcpUrl).toBe(mcpUrl);
  await running.daemon.remove('figma');
  expect(() => status()).toThrow('No tunnel is called "figma"');
  await running.close();
  running = await start();
  expect(running.daemon.list()).toEqual([]);
});

it('brings a tunnel up anew that is asked for while it is being removed', async () => {
  await running.daemon.up('figma', { port: server.port });
  await until('healthy');
  const removed = running.daemon.remove('figma');
  const [{ created }] = await Promise.all([running.daemon.up('figma', { port: server.port }), removed]);
  expect(created).toBe(true);
  await until('healthy');
});

it('tells watchers of every tunnel that comes and goes, and nothing of one that is gone', async () => {
  const { daemon } = running;
  const told: string[] = [];
  daemon.subscribe((change) =>
    told.push('removed' in change ? `-${change.removed}` : `${change.changed.name} ${change.changed.state}`),
  );
  await daemon.up('figma', { port: server.port });
  expect(told[0]).toBe('figma stopped');
  expect(await waitFor(() => told.includes('figma up'))).toBe(true);
  const removed = daemon.remove('figma');
  expect([told.at(-1), daemon.list()]).toEqual(['-figma', []]);
  await removed;
  expect(told.at(-1)).toBe('-figma');
});

it('starts no tunnel any more that an edit adds while the daemon ends', async () => {
  const closing = running.close();
  await waitFor(() => running.daemon.stopping);
  writeFileSync(running.daemon.info().configFile ?? '', `tunnels: { figma: { port: ${server.port} } }`);
  await running.daemon.reload();
  await closing;
  expect(running.daemon.list()).toEqual([]);
});

it('lets the old token in during the grace, and refuses it afterwards', async () => {
  const { token: old = '' } = await running.daemon.up('figma', { port: server.port });
  await until('healthy');
  const asked = async (token: string) =>
    (await fetch(status().mcpUrl ?? '', { headers: { authorization: `Bearer ${token}` } })).status;
  const { token, previousValidUntil } = await running.daemon.rotateToken('figma', 1_500);
  expect(previousValidUntil).toBeGreaterThan(Date.now());
  expect(await asked(old)).not.toBe(401);
  expect(await asked(token)).not.toBe(401);
  await waitFor(async () => (await asked(old)) === 401, { what: 'the end of the grace' });
  expect(Date.now()).toBeGreaterThanOrEqual(previousValidUntil ?? 0);
  expect(await asked(token)).not.toBe(401);
});

function log(): string {
  return readFileSync(join(env['TUNNELD_LOG_DIR'] ?? '', 'figma.log'), 'utf8');
}
