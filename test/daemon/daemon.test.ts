import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { resolvePaths } from '../../src/config/paths.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type RunningDaemon, startDaemon } from '../../src/daemon/start-daemon.ts';
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
    TUNNELD_RELAY_PORT: String(await freePort()),
    TUNNELD_HEALTH_PORT: '0',
  };
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

it('answers /readyz with the reasons, and only under a loopback name', async () => {
  const { healthUrl } = running.daemon.info();
  await running.daemon.up('figma', { port: await freePort() });
  await until('server-down');
  const ready = await fetch(`${healthUrl}/readyz?tunnel=figma`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({
    ready: false,
    tunnels: [{ health: { verdict: 'server-down' } }],
  });
  expect((await fetch(`${healthUrl}/readyz?tunnel=nobody`)).status).toBe(404);
  expect((await fetch(`${healthUrl}/healthz`)).status).toBe(200);
});

function log(): string {
  return readFileSync(join(env['TUNNELD_LOG_DIR'] ?? '', 'figma.log'), 'utf8');
}
