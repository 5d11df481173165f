import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { relay } from '../../../src/cli/commands/relay.ts';
import { masked } from '../../../src/config/config-secrets.ts';
import { RELAY_KEYS, RELAY_OPTIONS, variableOf } from '../../../src/relayd/settings/names.ts';
import type { RelaySettings } from '../../../src/relayd/settings/relay-settings.ts';
import { relaySchema } from '../../../src/relayd/settings/schema.ts';
import { findGrant } from '../../../src/relayd/static-tokens.ts';
import { tempFolder } from '../../helpers/temp-folder.ts';
import { readTyped, refusalOf } from './typed.ts';

function fileWith(content: string, mode = 0o600): string {
  const file = join(tempFolder(), 'relay.yaml');
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

/** A value for every key that is not its default, and keys it needs beside it. */
const SAMPLES: Readonly<Record<string, readonly [value: string, beside?: object]>> = {
  domain: ['b.example'],
  publicUrl: ['https://a.example:8443'],
  routing: ['path'],
  port: ['9000'],
  host: ['127.0.0.1'],
  staticToken: ['tok:alice', { open: 'false' }],
  authUrl: ['https://auth.example', { open: 'false', authSecret: 'env:S' }],
  authSecret: ['env:S', { open: 'false', authUrl: 'https://auth.example' }],
  open: ['yes', { open: undefined }],
  mcpTunnelAgents: ['serve'],
  tlsCert: ['/c.pem', { tlsKey: '/k.pem' }],
  tlsKey: ['/k.pem', { tlsCert: '/c.pem' }],
  acme: ['on'],
  acmeEmail: ['ops@example.com', { acme: 'true' }],
  acmeDirectory: ['https://ca.example/dir', { acme: 'true' }],
  acmeFolder: ['/kept', { acme: 'true' }],
  redirectPort: ['80'],
  trustedProxies: ['10.0.0.0/8,192.0.2.1'],
  proxyProtocol: ['true', { trustedProxies: '127.0.0.1' }],
  adminPort: ['9001'],
  adminSocket: ['/run/x.sock'],
  logSample: ['1/10'],
  ratePerAddress: ['7'],
  ratePerTunnel: ['7'],
  connectionsPerAddress: ['7'],
  linksPerToken: ['7'],
  maxRequestBody: ['5mb'],
  maxResponseBody: ['5mb'],
  drainTimeout: ['1m'],
};

const BASE = { domain: 'a.example', open: 'true' };
const ENV = { S: 'a-secret', TUNNELD_STATE_DIR: '/state' };

/** What is beside them is refused without them. */
const NEEDED: readonly string[] = ['open', 'staticToken', 'authUrl', 'authSecret', 'tlsCert', 'tlsKey'];

function variables(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, text]) => (text === undefined ? [] : [[variableOf(key), text]])),
  );
}

/** Comparable: functions, lists of networks and secrets have what they stand for in their place. */
function plain(settings: RelaySettings) {
  const { auth, trustedProxies, ...rest } = settings;
  const who =
    auth.kind === 'static'
      ? auth.grants()
      : auth.kind === 'provider'
        ? [auth.url.href, auth.secret.reveal()]
        : auth.kind;
  return { ...rest, who, trustedProxies: trustedProxies.rules };
}

describe('every setting', () => {
  it('has a sample here', () => {
    expect(Object.keys(SAMPLES)).toEqual(RELAY_KEYS);
  });

  it.each(RELAY_KEYS)('%s means the same in the file, as a variable and as an option', async (key) => {
    const [value, beside = {}] = SAMPLES[key] ?? expect.unreachable();
    const others: Readonly<Record<string, string | undefined>> = { ...BASE, [key]: undefined, ...beside };
    const env = { ...ENV, ...variables(others) };
    const [option] = Object.entries(RELAY_OPTIONS).find(([, row]) => row.key === key) ?? [];
    const isSwitch = RELAY_OPTIONS[option ?? '']?.type === 'boolean';
    const file = fileWith(`${key}: ${value}\n`);
    const ways = [
      await readTyped('', env, file),
      await readTyped('', { ...env, [variableOf(key)]: value }),
      await readTyped(isSwitch ? `--${option}` : `--${option} ${value}`, env),
    ].map(({ settings }) => plain(settings));
    expect(ways[1]).toEqual(ways[0]);
    expect(ways[2]).toEqual(ways[0]);
    if (NEEDED.includes(key)) return;
    const { settings } = await readTyped('', { ...ENV, ...variables(BASE), ...env });
    expect(plain(settings)).not.toEqual(ways[0]);
  });

  it('of another program leads to one that exists', () => {
    const named = Object.values(relay.otherNames ?? {}).flatMap((text) => text.match(/--[\w-]+/g) ?? []);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((option) => !Object.hasOwn(relay.options, option.slice(2)))).toEqual([]);
  });
});

it('a switch is on with 1, and a host may be written in capitals', async () => {
  const file = fileWith('domain: A.Example\npublicUrl: https://a.example/x\nopen: 1\n');
  expect((await readTyped(`--config ${file}`)).settings.auth.kind).toBe('open');
});

it('tokens may change while the relay runs where they stand in a file', async () => {
  const tokens = join(tempFolder(), 'tokens');
  writeFileSync(tokens, 'tok', { mode: 0o600 });
  const authOf = async (entry: string) =>
    (await readTyped('', {}, fileWith(`domain: a.example\nstaticToken: [${entry}]\n`))).settings.auth;
  expect(await authOf(`{token: "file:${tokens}", names: [a]}`)).toMatchObject({ mayChange: true });
  expect(await authOf('tok:a')).toMatchObject({ mayChange: false });
});

describe('a mistake', () => {
  it.each([
    ['--domain a.example --open --proxy-protocol', {}, '--proxy-protocol: needs --trusted-proxies: whose'],
    ['--domain a.example --open --acme-email a@b.c', {}, '--acme-email: needs --acme'],
    ['--domain 127.0.0.1 --open', {}, 'use --routing path'],
    [
      '',
      { TUNNELD_RELAY_DOMAIN: 'a.example', TUNNELD_RELAY_OPEN: '1', TUNNELD_RELAY_ACME_EMAIL: 'a@b.c' },
      'TUNNELD_RELAY_ACME_EMAIL: needs TUNNELD_RELAY_ACME=true',
    ],
    [
      '--open',
      { TUNNELD_RELAY_DOMAIN: 'a.example', TUNNELD_RELAY_STATIC_TOKEN: 'a:b' },
      '--open: excludes TUNNELD_RELAY_STATIC_TOKEN: there is one way',
    ],
    ['--auth-url https://a.example', { MCPR_RELAY_DOMAIN: 'a.example' }, '--auth-url: needs --auth-secret'],
  ])('in %j with %j is said in the words of its place', async (line, env, message) => {
    expect((await refusalOf(line, env)).message).toContain(message);
  });

  it('in the file names its keys, and what is missing is missing there', async () => {
    const file = fileWith('port: 9000\n');
    const error = await refusalOf(`--config ${file}`);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message.split('\n').slice(1)).toEqual([
      `  ${file}: Say with \`domain\` where visitors reach the relay`,
      `  ${file}: Say who may register: \`staticToken\`, \`authUrl\`, or \`open: true\` for anybody`,
    ]);
  });

  it('of a misspelt key does not count twice, as a missing one', async () => {
    const file = fileWith('domian: a.example\nopen: true\n');
    expect((await refusalOf(`--config ${file}`)).message).toBe(
      `${file}:1:1 domian: Unknown key; did you mean "domain"?`,
    );
  });

  it('in a list or in YAML itself has its own line, and hides no other one', async () => {
    const file = fileWith(
      'domain: a.example\nopen: true\ntrustedProxies:\n  - 10.0.0.0/8\n  - 5\nport: x\nport: 70000\n',
    );
    expect((await refusalOf(`--config ${file}`)).message.split('\n').slice(1)).toEqual([
      `  ${file}:5:5 trustedProxies.1: Expected text: put it in quotes`,
      `  ${file}:7:1 port: The key is there twice`,
      `  ${file}:7:1 port: Expected a port from 0 to 65535, found 70000`,
    ]);
  });

  it('of a secret that cannot be read has its place and its own code', async () => {
    const file = fileWith('domain: a.example\nauthUrl: https://a.example\nauthSecret: env:NO_SUCH\n');
    expect(await refusalOf(`--config ${file}`)).toMatchObject({
      code: 'SECRET_UNAVAILABLE',
      message: `${file}:3:1 authSecret: The environment variable NO_SUCH is not set`,
    });
  });

  it.each(['/dev/null', '/'])('is a file that is none: %s', async (file) => {
    expect(await refusalOf(`--config ${file}`)).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/cannot be read: it is a (?:device|folder), not a regular file$/),
    });
  });
});

describe('an entry of staticToken with two keys', () => {
  const entries = (...lines: readonly string[]) =>
    fileWith(['domain: a.example', 'staticToken:', ...lines.map((line) => `  ${line}`)].join('\n'));

  it('holds tokens that no text could, or one of a variable of its own', async () => {
    const file = entries(
      '- {token: "to:ken one", names: [alice, "alice-*"]}',
      '- {token: env:BOB, names: [bob]}',
    );
    const { settings } = await readTyped(`--config ${file}`, { BOB: 'bobs-token' });
    const grants = settings.auth.kind === 'static' ? settings.auth.grants() : [];
    expect(findGrant(grants, 'to:ken one')?.patterns).toEqual(['alice', 'alice-*']);
    expect(findGrant(grants, 'bobs-token')?.patterns).toEqual(['bob']);
  });

  it('counts last where a token is there twice, however it is written', async () => {
    const file = entries('- tok:alice', '- {token: tok, names: [bob]}');
    const { settings } = await readTyped(`--config ${file}`);
    const grants = settings.auth.kind === 'static' ? settings.auth.grants() : [];
    expect(grants.map(({ patterns }) => patterns)).toEqual([['bob']]);
  });

  it('is refused without one of them, and without showing the other', async () => {
    const file = entries('- {token: hush-hush, name: [alice]}');
    const { message } = await refusalOf(`--config ${file}`);
    expect(message).toContain(':3:5 staticToken.0: Expected the keys `token` and `names`');
    expect(message).not.toContain('hush');
  });
});

describe('the secrets', () => {
  it.each([
    'staticToken: {token: hush, names: [a]}',
    'staticToken: [{token: hush, names: [a]}]',
    'staticToken: hush:a',
    'authSecret: hush',
    'authUrl: https://user:hush@auth.example',
  ])('written in a file close it, valid or not: %s', async (line) => {
    const file = fileWith(`domain: a.example\n${line}\n`, 0o644);
    await readTyped(`--config ${file}`).catch(() => undefined);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it.each([
    'staticToken: [{token: env:T, names: [a]}]',
    'authUrl: https://auth.example',
    'authSecret: env:S',
  ])('that stand elsewhere leave it as it is: %s', async (line) => {
    const file = fileWith(`domain: a.example\n${line}\n`, 0o644);
    await readTyped(`--config ${file}`).catch(() => undefined);
    expect(statSync(file).mode & 0o777).toBe(0o644);
  });

  it('typed as they are are warned about', async () => {
    const line = '--domain a.example --auth-url https://u:hush@auth.example --auth-secret env:S';
    const { warnings } = await readTyped(line, ENV);
    expect(warnings).toContainEqual(expect.stringContaining('--auth-url with the secret itself'));
    expect(warnings.join()).not.toContain('hush');
  });

  it('are masked wherever they stand', () => {
    const value = {
      staticToken: ['hush:a', 'env:T', { token: 'hush', names: ['shown'] }],
      authUrl: 'https://user:hush@a.example',
      authSecret: 'hush',
    };
    const shown = JSON.stringify(masked(relaySchema, value));
    expect(shown).not.toContain('hush');
    expect(shown).toContain('shown');
  });
});
