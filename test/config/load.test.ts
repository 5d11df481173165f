import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';

const FILE = '/home/ada/.config/tunneld/tunneld.yaml';

function complaintsAbout(text: string, env: Record<string, string> = {}): Promise<string[]> {
  return thrownBy(() => parseConfig(text, FILE, env)).then((error) => {
    expect(error.code).toBe('CONFIG_INVALID');
    const lines = error.message.split('\n').map((line) => line.trim().replace(`${FILE}:`, ''));
    return lines.length === 1 ? lines : lines.slice(1);
  });
}

const tunnel = (lines: string) => `tunnels:\n  figma:\n${lines.replace(/^/gm, '    ')}`;

describe('a configuration file', () => {
  it('has a tunnel under a name that every object knows only when it is written there', () => {
    expect(parseConfig('tunnels: {}\n', FILE, {}).tunnels['constructor']).toBeUndefined();
    const { tunnels } = parseConfig('tunnels:\n  constructor:\n    port: 3845\n', FILE, {});
    expect(Object.keys(tunnels)).toEqual(['constructor']);
  });

  it('refuses a tunnel called __proto__, which would vanish', async () => {
    const text = 'tunnels:\n  __proto__:\n    port: 3845\n';
    expect(await complaintsAbout(text)).toEqual(['2:3 tunnels.__proto__: No key may have this name']);
  });

  it('is filled in with every default', () => {
    const { tunnels, daemon } = parseConfig(tunnel('port: 3845'), FILE, {});
    expect(tunnels['figma']).toEqual({
      port: 3845,
      provider: 'relay',
      enabled: true,
      allowRemoteUpstream: false,
      sseKeepAlive: 15_000,
      access: { queryToken: false, insecurePublic: false, origins: [] },
      health: { probe: 'auto', schedule: '*/30 * * * * *', timeout: 10_000 },
      limits: {
        concurrency: 1024,
        connections: 1024,
        firstByteTimeout: 86_400_000,
        idleTimeout: 300_000,
        processes: 64,
        messageBytes: 33_554_432,
      },
    });
    expect(daemon).toMatchObject({ healthPort: 7576, relayPort: 7575, drainTimeout: 10_000 });
  });

  it('may be empty, or hold nothing but comments', () => {
    expect(parseConfig('', FILE, {}).tunnels).toEqual({});
    expect(parseConfig('# nothing yet\n', FILE, {}).tunnels).toEqual({});
  });

  it('may use anchors and aliases', () => {
    const { tunnels } = parseConfig(
      'tunnels:\n  a:\n    port: 1\n    limits: &small { concurrency: 2 }\n  b:\n    port: 2\n    limits: *small\n',
      FILE,
      {},
    );
    expect(tunnels['b']?.limits.concurrency).toBe(2);
  });

  it('lists every mistake at once, in the order of the file, each with its line and column', async () => {
    const text = [
      'tunnels:',
      '  figma:',
      '    prot: 3845',
      '  Bad_Name:',
      '    port: 99999',
      '    access: { token: short, origins: ["https://a.example/x"] }',
      '  remote: { url: "http://10.0.0.1:3000", path: mcp }',
      '  empty:',
      'daemon: { log: { level: trace } }',
      'extra: 1',
    ].join('\n');
    expect(await complaintsAbout(text)).toEqual([
      '2:3 tunnels.figma: Give `port`, `url`, `sse` or `command`: where does the MCP server listen, or how is it started?',
      '3:5 tunnels.figma.prot: Unknown key; did you mean "port"?',
      '4:3 tunnels.Bad_Name: Use 1 to 32 of a-z, 0-9 and -, starting with a letter; not "daemon"',
      '5:5 tunnels.Bad_Name.port: Expected a port from 1 to 65535, found 99999',
      '6:15 tunnels.Bad_Name.access.token: Expected at least 16 characters, all of them letters, digits or one of . _ ~ -',
      '6:39 tunnels.Bad_Name.access.origins.0: Expected an origin such as "https://app.example.com" (no path)',
      '7:13 tunnels.remote.url: The server is not on this machine; `allowRemoteUpstream: true` allows that',
      '7:42 tunnels.remote.path: Expected a path that starts with / and has no query',
      '8:3 tunnels.empty: Expected keys below this one, found nothing',
      '9:18 daemon.log.level: Expected one of "debug"|"info"|"warn"|"error"',
      '10:1 extra: Unknown key; known here: $schema, tunnels, daemon',
    ]);
  });

  it.each([
    ['a syntax error', 'tunnels: [', /^1:11 \S.*\]$/],
    ['a tab as indentation', 'tunnels:\n\tfigma: 1', /^2:1 Tabs are not allowed as indentation$/],
    [
      'a key that is there twice',
      'daemon:\n  relayPort: 1\n  relayPort: 2',
      /^3:3 relayPort: The key is there twice$/,
    ],
    ['a second document', 'daemon: {}\n---\ndaemon: {}', /^2:1 .*multiple documents/],
    ['a tag nobody knows', 'daemon: !secret {}', /^1:9 Unresolved tag/],
    ['a list where keys belong', '- port: 1', /^1:1 Expected keys below this one, received array$/],
    ['plain text', 'hello', /^1:1 Expected keys below this one, received string$/],
  ])('says where %s is', async (_what, text, expected) => {
    const complaints = await complaintsAbout(text);
    expect(complaints[0]).toMatch(expected);
  });

  it('finds the other mistakes of a file with a key that is there twice', async () => {
    expect(await complaintsAbout('daemon:\n  relayPort: 1\n  relayPort: x\n  helthPort: 2\n')).toEqual([
      '3:3 relayPort: The key is there twice',
      '3:3 daemon.relayPort: Expected a whole number, found "x"',
      '4:3 daemon.helthPort: Unknown key; did you mean "healthPort"?',
    ]);
  });

  it('refuses aliases that multiply without end', async () => {
    const rows = ['a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]'];
    for (let row = 0; row < 8; row += 1) {
      const [from, to] = [String.fromCharCode(97 + row), String.fromCharCode(98 + row)];
      rows.push(`${to}: &${to} [${`*${from},`.repeat(9)}]`);
    }
    expect(await complaintsAbout(rows.join('\n'))).toEqual([expect.stringMatching(/alias/i)]);
  });

  it.each([
    ['port: "3845"', 'port: Expected a whole number, found "3845"'],
    ['port: 0', 'port: Expected a port from 1 to 65535, found 0'],
    ['port: 80.5', 'port: Expected a whole number, found 80.5'],
    ['port: 1\nurl: http://127.0.0.1:1', 'url: Give either `port` or `url`, not both'],
    ['port: 1\ncommand: [x]', 'command: Give either `port` or `command`, not both'],
    ['port: 1\nidle: 5m', 'idle: This has an effect only with `command`'],
    ['command: []', 'command: Expected the program and its arguments, such as [npx, -y, some-server]'],
    ['command: [x]\ncwd: here', 'cwd: Expected an absolute path, or one that starts with ~/'],
    ['command: [x]\nhostHeader: x', 'hostHeader: This has no effect with `command`'],
    [
      'url: 127.0.0.1:3845',
      'url: Expected an http:// or https:// URL, such as "http://127.0.0.1:3845/mcp", or "unix:/path/to.sock"',
    ],
    [
      'url: ftp://127.0.0.1',
      'url: Expected an http:// or https:// URL, such as "http://127.0.0.1:3845/mcp", or "unix:/path/to.sock"',
    ],
    ['url: http://u:p@127.0.0.1', 'url: Expected a URL without user name and password'],
    ['url: http://127.0.0.1/mcp?key=1', 'url: Expected a URL without query and fragment'],
    [
      'url: http://127.0.0.1/mcp\npath: /sse',
      'path: The path differs from the one in `url`; give only one of them',
    ],
    ['port: 1\npath: /mcp?x', 'path: Expected a path that starts with / and has no query'],
    ['port: 1\nhostHeader: "a b"', 'hostHeader: Expected a host name, with a port if need be'],
    [
      'port: 1\nsseKeepAlive: never',
      'sseKeepAlive: Expected "off" or a duration such as "15s", from 1s to 1h',
    ],
    [
      'port: 1\nhealth: { schedule: sometimes }',
      'health.schedule: Expected a cron expression with seconds, such as "*/30 * * * * *"',
    ],
    [
      'port: 1\nhealth: { schedule: "61 * * * * *" }',
      'health.schedule: Expected a cron expression with seconds, such as "*/30 * * * * *"',
    ],
    [
      'port: 1\nhealth: { timeout: 10 parsecs }',
      'health.timeout: Expected a duration such as "30s" or "5m", from 100ms to 2m: "10 parsecs" is not a duration: write it like 30s, 5m or 1h',
    ],
    [
      'port: 1\nhealth: { timeout: "" }',
      'health.timeout: Expected a duration such as "30s" or "5m", from 100ms to 2m: "" is not a duration: write it like 30s, 5m or 1h',
    ],
    [
      'port: 1\nhealth: { timeout: "5000" }',
      'health.timeout: Expected a duration such as "30s" or "5m", from 100ms to 2m: "5000" has no unit: write 5000s for seconds or 5000ms for milliseconds',
    ],
    [
      'port: 1\nhealth: { timeout: 3m }',
      'health.timeout: Expected a duration such as "30s" or "5m", from 100ms to 2m',
    ],
    [
      'port: 1\naccess: { token: "env:" }',
      'access.token: Expected the name of a variable after "env:", such as "env:FIGMA_TOKEN"',
    ],
    [
      'port: 1\naccess: { token: "file:token" }',
      'access.token: Expected "file:" with an absolute path, or one that starts with ~/',
    ],
    [
      'port: 1\naccess: { insecurePublic: true, token: "env:T" }',
      'access.token: A token has no effect with `insecurePublic: true`; remove one of them',
    ],
    [
      'port: 1\naccess: { origins: ["app.example"] }',
      'access.origins.0: Expected an origin such as "https://app.example.com" (no path)',
    ],
    ['port: 1\nhelth: {}', 'helth: Unknown key; did you mean "health"?'],
    ['port: 1\nHostheader: x', 'Hostheader: Unknown key; did you mean "hostHeader"?'],
    ['port: 1\naccess: { qeryToken: true }', 'access.qeryToken: Unknown key; did you mean "queryToken"?'],
    [
      'port: 1\naccess: { password: x }',
      'access.password: Unknown key; known here: token, queryToken, insecurePublic, origins',
    ],
    [
      'port: 1\n__proto__: {}',
      '__proto__: Unknown key; known here: port, url, sse, command, env, cwd, process, start, idle, path, provider, relay, pinggy, ngrok, enabled, hostHeader, allowRemoteUpstream, sseKeepAlive, access, health, limits',
    ],
  ])('refuses %j', async (lines, expected) => {
    const [complaint, ...more] = await complaintsAbout(tunnel(lines));
    expect(more).toEqual([]);
    expect(complaint).toMatch(/^\d+:\d+ tunnels\.figma\./);
    expect(complaint?.replace(/^\S+ tunnels\.figma\./, '')).toBe(expected);
  });

  it.each([
    [
      'daemon: { relayPort: 7000, healthPort: 7000 }',
      '1:28 daemon.healthPort: Expected a port other than `relayPort`',
    ],
    [
      'daemon: { log: { maxTotalBytes: 200000 } }',
      '1:18 daemon.log.maxTotalBytes: Expected at least `maxFileBytes`',
    ],
  ])('refuses %s', async (text, expected) => {
    expect(await complaintsAbout(text)).toEqual([expected]);
  });

  it.each([
    'port: 1\nhealth: { schedule: "*/5 * * * * *" }',
    'port: 1\nhealth: { schedule: "*/5 * * * *" }',
    'url: http://localhost:3000',
    'url: http://[::1]:3000/mcp',
    'url: http://127.9.9.9:3000',
    'url: https://mcp.example.com/mcp\nallowRemoteUpstream: true',
    'url: http://127.0.0.1/mcp\npath: /mcp',
    'port: 1\nsseKeepAlive: off',
    'port: 1\naccess: { token: "file:~/token", origins: ["http://localhost:6274"] }',
  ])('accepts %j', (lines) => {
    expect(parseConfig(tunnel(lines), FILE, {}).tunnels['figma']).toBeDefined();
  });

  it.each([
    'http://10.0.0.1:1',
    'http://0.0.0.0:1',
    'http://localhost.example:1',
    'http://[::2]:1',
    'http://128.0.0.1',
  ])('refuses the upstream %s: it is not on this machine', async (url) => {
    expect(await complaintsAbout(tunnel(`url: ${url}`))).toEqual([
      expect.stringContaining('not on this machine'),
    ]);
  });

  it.each([
    ['url', 'URL, .*, or "unix:/path/to.sock"'],
    ['sse', 'URL'],
  ])('says of a %s that is no http only that', async (key, end) => {
    expect(await complaintsAbout(tunnel(`${key}: ftp://files.example/mcp`))).toEqual([
      expect.stringMatching(new RegExp(`: Expected an http:// or https:// ${end}$`)),
    ]);
  });
});

describe('the environment', () => {
  it('wins over the file', () => {
    const env = { TUNNELD_LOG_LEVEL: 'debug', TUNNELD_HEALTH_PORT: '0', TUNNELD_DAEMON_RELAY_PORT: '9000' };
    const { daemon } = parseConfig('daemon: { relayPort: 1, log: { level: warn } }', FILE, env);
    expect(daemon).toMatchObject({
      relayPort: 9000,
      healthPort: 0,
      log: { level: 'debug', maxFileBytes: 10_485_760 },
    });
  });

  it('counts an empty variable as not set', () => {
    expect(parseConfig('', FILE, { TUNNELD_DAEMON_RELAY_PORT: '' }).daemon.relayPort).toBe(7575);
  });

  it('is refused together with the mistakes of the file', async () => {
    const env = { TUNNELD_LOG_LEVEL: 'loud', TUNNELD_HEALTH_PORT: '70000', TUNNELD_DAEMON_RELAY_PORT: '-1' };
    expect(await complaintsAbout('daemon: { relayPort: x }', env)).toEqual([
      '1:11 daemon.relayPort: Expected a whole number, found "x"',
      'environment TUNNELD_LOG_LEVEL: Expected one of debug, info, warn, error',
      'environment TUNNELD_HEALTH_PORT: Expected a port from 0 to 65535, found 70000',
      'environment TUNNELD_DAEMON_RELAY_PORT: Expected a port from 0 to 65535, found -1',
    ]);
  });
});

describe('loading', () => {
  it('takes a missing file for an empty one only where that was said', async () => {
    const file = join(tempFolder(), 'tunneld.yaml');
    await expect(loadConfig(file, { optional: true, env: {} })).resolves.toMatchObject({ tunnels: {} });
    const error = await thrownBy(() => loadConfig(file, { env: {} }));
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: `${file} cannot be read: there is no such file`,
    });
  });

  it('says so when the path is a folder', async () => {
    const folder = tempFolder();
    const error = await thrownBy(() => loadConfig(folder, { optional: true, env: {} }));
    expect(error.message).toBe(`${folder} cannot be read: it is a folder, not a regular file`);
  });

  it('closes a file with a literal token to others, and leaves one with references alone', async () => {
    const file = join(tempFolder(), 'tunneld.yaml');
    const notes: string[] = [];
    const load = (token: string) => {
      writeFileSync(file, tunnel(`port: 1\naccess: { token: "${token}" }`));
      chmodSync(file, 0o644);
      return loadConfig(file, { env: {}, onNote: (note) => notes.push(note) });
    };
    await load('env:FIGMA_TOKEN');
    expect(statSync(file).mode & 0o777).toBe(0o644);
    await load('a-literal-token-of-mine');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(notes).toEqual([`${file} holds secrets and was open to others (mode 644); it is 600 now`]);
  });
});
