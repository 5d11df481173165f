import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/config/paths.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type RunningDaemon, startDaemon } from '../../src/daemon/start-daemon.ts';
import { freePort } from '../helpers/free-port.ts';
import { tempFolder } from '../helpers/temp-folder.ts';

let env: Record<string, string>;
let running: RunningDaemon;

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
    PINGGY: 'secret-of-pinggy',
  };
  writeFileSync(env['TUNNELD_CONFIG'] ?? '', 'tunnels:\n  fixed:\n    port: 1\n    path: /sse\n', {
    mode: 0o600,
  });
  running = await start();
});

afterEach(() => running.close());

function start(): Promise<RunningDaemon> {
  return startDaemon({
    paths: resolvePaths(env),
    env,
    clock: systemClock,
    random: Math.random,
    onStop: () => {},
  });
}

function configOf(name: string) {
  return running.daemon.inspect(name).config;
}

describe('an up of a known tunnel', () => {
  it('keeps what it does not speak of, and says what it changed', async () => {
    const relay = { url: 'http://127.0.0.1:9', token: 'a-literal-relay-token' };
    await running.daemon.up('figma', { port: 1, path: '/sse', relay });
    const { changed, changes } = await running.daemon.up('figma', { port: 2 });
    expect({ changed, changes }).toEqual({ changed: true, changes: [{ key: 'port', from: 1, to: 2 }] });
    expect(configOf('figma')).toMatchObject({ port: 2, path: '/sse', relay: { url: relay.url } });
    expect((await running.daemon.up('figma', { port: 2 })).changes ?? []).toEqual([]);
  });

  it('shows no secret among the changes', async () => {
    const relay = { url: 'http://127.0.0.1:9', token: 'a-literal-relay-token' };
    await running.daemon.up('figma', { port: 1, relay });
    const { changes } = await running.daemon.change('figma', {
      set: { relay: { token: 'another-relay-token' } },
    });
    expect(changes).toEqual([{ key: 'relay.token', from: '[redacted]', to: '[redacted]' }]);
  });

  it('has changed for good', async () => {
    await running.daemon.up('figma', { port: 1, health: { probe: 'tcp' } });
    await running.daemon.up('figma', { path: '/sse' });
    await running.close();
    running = await start();
    expect(configOf('figma')).toMatchObject({ port: 1, path: '/sse', health: { probe: 'tcp' } });
  });

  it('of a new one asks where its server is', async () => {
    const error = { code: 'TUNNEL_NOT_FOUND', message: expect.stringContaining('"new" is new') };
    await expect(running.daemon.up('new', undefined)).rejects.toMatchObject(error);
    await expect(running.daemon.up('new', { path: '/x' })).rejects.toMatchObject({
      ...error,
      remedy: expect.stringContaining('tunneld up new --port 3845'),
    });
    await expect(running.daemon.change('new', { set: { port: 1 } })).rejects.toMatchObject({
      code: 'TUNNEL_NOT_FOUND',
    });
  });

  it('of the file is refused with file and line, unless it says the same', async () => {
    await expect(running.daemon.up('fixed', { port: 1 })).resolves.toMatchObject({ changed: false });
    const { message } = await running.daemon.up('fixed', { port: 2 }).catch((error) => error);
    expect(message).toBe(`"fixed" is defined in ${env['TUNNELD_CONFIG']}:2:3, and the file rules: port`);
    await expect(running.daemon.change('fixed', { unset: ['path'] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect(configOf('fixed')).toMatchObject({ port: 1, path: '/sse' });
  });
});

describe('a change', () => {
  it('leaves a tunnel down that is down', async () => {
    await running.daemon.up('figma', { port: 1 });
    await running.daemon.down('figma');
    const { status, changes } = await running.daemon.change('figma', { set: { path: '/sse' } });
    expect(status).toMatchObject({
      desired: 'down',
      state: 'stopped',
      upstream: expect.stringMatching(/:1\/sse$/),
    });
    expect(changes).toEqual([{ key: 'path', to: '/sse' }]);
  });

  it('sets back what it is told to, under the same token', async () => {
    await running.daemon.up('figma', { port: 1, path: '/sse', access: { queryToken: true } });
    const { token } = await running.daemon.showToken('figma');
    const { changes } = await running.daemon.change('figma', { unset: ['path', 'access.queryToken'] });
    expect(changes).toEqual([
      { key: 'access.queryToken', from: true },
      { key: 'path', from: '/sse' },
    ]);
    expect((await running.daemon.showToken('figma')).token).toBe(token);
  });

  it('that makes no sense changes nothing', async () => {
    await running.daemon.up('figma', { port: 1 });
    for (const wrong of [
      { unset: ['port'] },
      { unset: ['pth'] },
      { unset: ['path.more'] },
      { set: { pth: 1 } },
      { set: { health: { timeout: 'soon' } } },
      { set: { provider: 'pigeon' } },
      { set: { pinggy: { region: 'eu' } } },
      { set: { ngrok: { domain: 'a.example' } } },
    ]) {
      await expect(running.daemon.change('figma', wrong)).rejects.toMatchObject({ exitCode: 2 });
    }
    expect(running.daemon.status('figma').upstream).toContain(':1/mcp');
    const { mistakes } = await running.daemon.change('figma', { unset: ['pth'] }).catch((error) => error);
    expect(mistakes).toEqual([{ key: 'pth', what: 'Unknown key; did you mean "path"?' }]);
  });
});
