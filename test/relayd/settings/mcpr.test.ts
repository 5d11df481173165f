import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findGrant } from '../../../src/relayd/static-tokens.ts';
import { tempFolder } from '../../helpers/temp-folder.ts';
import { readTyped, refusalOf } from './typed.ts';

const read = (env: NodeJS.ProcessEnv, line = '') => readTyped(line, env);
const refusal = (env: NodeJS.ProcessEnv, line = '') => refusalOf(line, env);

/** A file of mcpr with this content. */
function mcprFile(...lines: readonly string[]): string {
  const file = join(tempFolder(), 'mcpr.toml');
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  return file;
}

const DOMAIN = { MCPR_RELAY_DOMAIN: 'tunnel.example.com' };
const TOKENS =
  '[{"token":"to:ken one","subdomains":["alice","alice-*"]},{"token":"two","subdomains":["bob"]}]';

describe('the variables of mcp-tunnel', () => {
  it('are all read, and said to be', async () => {
    const { settings, warnings } = await read({
      ...DOMAIN,
      MCPR_RELAY_PORT: '9000',
      MCPR_RELAY_AUTH_MODE: 'provider',
      MCPR_RELAY_AUTH_URL: 'http://127.0.0.1:1',
      MCPR_RELAY_AUTH_SECRET: 'hush-hush',
      MCPR_RELAY_MAX_REQUEST_BODY: '1000',
      MCPR_RELAY_MAX_RESPONSE_BODY: '2000',
    });
    expect(settings).toMatchObject({
      port: 9_000,
      auth: { kind: 'provider', url: new URL('http://127.0.0.1:1') },
      limits: { maxRequestBodyBytes: 1_000, maxResponseBodyBytes: 2_000 },
    });
    expect(settings.publicUrl.href).toBe('https://tunnel.example.com/');
    const [notice = ''] = warnings;
    expect(notice).toMatch(/MCPR_RELAY_DOMAIN, MCPR_RELAY_PORT, MCPR_RELAY_AUTH_URL, .*MCPR_RELAY_AUTH_MODE/);
    expect(notice).not.toContain('hush');
  });

  it('may hold tokens that no line could', async () => {
    const { settings } = await read({ ...DOMAIN, MCPR_RELAY_TOKENS: TOKENS });
    const grants = settings.auth.kind === 'static' ? settings.auth.grants() : [];
    expect(findGrant(grants, 'to:ken one')?.patterns).toEqual(['alice', 'alice-*']);
    expect(findGrant(grants, 'two')?.patterns).toEqual(['bob']);
  });

  it('yield to an option and to our own variable', async () => {
    const env = { ...DOMAIN, MCPR_RELAY_PORT: '9000', MCPR_RELAY_AUTH_MODE: 'open' };
    expect((await read(env, '--port 9001')).settings.port).toBe(9_001);
    expect((await read({ ...env, TUNNELD_RELAY_PORT: '9002' })).settings.port).toBe(9_002);
  });

  it('open the relay when they say so in words', async () => {
    const { settings, warnings } = await read({ ...DOMAIN, MCPR_RELAY_AUTH_MODE: 'open' });
    expect(settings.auth.kind).toBe('open');
    expect(warnings).toContainEqual(expect.stringContaining('this relay is open'));
  });

  it.each([
    [{ MCPR_RELAY_AUTH_MODE: 'static' }, 'MCPR_RELAY_AUTH_MODE=static needs MCPR_RELAY_TOKENS'],
    [{ MCPR_RELAY_AUTH_MODE: 'static', MCPR_RELAY_TOKENS: '[]' }, 'needs MCPR_RELAY_TOKENS'],
    [{ MCPR_RELAY_AUTH_MODE: 'open', MCPR_RELAY_TOKENS: TOKENS }, 'contradict each other'],
    [{ MCPR_RELAY_AUTH_MODE: 'provider', MCPR_RELAY_TOKENS: TOKENS }, 'contradict each other'],
    [{ MCPR_RELAY_AUTH_MODE: 'provider' }, 'needs MCPR_RELAY_AUTH_URL'],
    [{ MCPR_RELAY_AUTH_MODE: 'provider', MCPR_AUTH_PROVIDER: 'http://a' }, 'needs MCPR_RELAY_AUTH_SECRET'],
    [{ MCPR_RELAY_AUTH_MODE: 'opne' }, 'Expected open, static or provider, found "opne"'],
    [{ MCPR_RELAY_TOKENS: '{' }, 'MCPR_RELAY_TOKENS: Expected a list'],
    [{ MCPR_RELAY_TOKENS: '[{"token":"hush-hush","subdomains":[]}]' }, 'Entry 1 of MCPR_RELAY_TOKENS'],
    [{ MCPR_RELAY_TOKENS: '[{"subdomains":["a"]}]' }, 'Entry 1 of MCPR_RELAY_TOKENS'],
    [{ MCPR_RELAY_TOKENS: '[{"token":"hush-hush","subdomains":["a",1]}]' }, 'Entry 1 of MCPR_RELAY_TOKENS'],
    [{}, 'who may register'],
  ])('are refused where they say too little or two things: %j', async (env, message) => {
    const error = await refusal({ ...DOMAIN, ...env });
    expect(error).toMatchObject({ message: expect.stringContaining(message) });
    expect(`${error.message}${error.remedy}`).not.toMatch(/hush|ken one/);
  });
});

describe("mcpr's file", () => {
  it('says what its [relay] says, and which keys mean nothing here', async () => {
    const file = mcprFile(
      'mode = "relay"',
      'port = 9000',
      'mcp = "http://localhost:3000"',
      '[relay]',
      'domain = "tunnel.example.com"',
      '[[relay.tokens]]',
      'token = "one"',
      'subdomains = ["alice"]',
      '[[relay.tokens]]',
      'token = "one"',
      'subdomains = ["bob"]',
    );
    const { settings, warnings } = await read({}, `--config ${file}`);
    expect(settings).toMatchObject({ port: 9_000, auth: { kind: 'static' } });
    const grants = settings.auth.kind === 'static' ? settings.auth.grants() : [];
    expect(findGrant(grants, 'one')?.patterns).toEqual(['bob']);
    expect(warnings).toEqual([
      expect.stringContaining("was read as mcpr's; its mcp mean nothing to a relay"),
      expect.stringContaining('--trusted-proxies does not name it'),
      expect.stringContaining('--mcp-tunnel-agents serve'),
    ]);
  });

  it('may name a provider, which its variable outdoes', async () => {
    const file = mcprFile(
      'relay_domain = "tunnel.example.com"',
      '[relay]',
      'auth_provider = "http://127.0.0.1:1"',
      'auth_provider_secret = "hush-hush"',
    );
    const { settings } = await read({ MCPR_AUTH_PROVIDER: 'http://127.0.0.1:2' }, `--config ${file}`);
    expect(settings.auth).toMatchObject({ kind: 'provider', url: new URL('http://127.0.0.1:2') });
  });

  it.each([
    [['[relay]', 'domian = "a.example"'], ':2:1 domian: Unknown key; did you mean "domain"?'],
    [['[relay]', 'a(b = 1'], ':2:'],
    [['[relay]', '"a(b" = 1'], ':2:1 a(b: Unknown key of [relay]'],
    [['[relay]', 'domain = ["a"]'], ':2:1 domain: Expected text, found a list'],
    [
      ['port = 70000', '[relay]', 'domain = "a.example"'],
      ':1:1 port: Expected a port from 0 to 65535, found 70000',
    ],
    [['[relay]', 'auth_provider_secret = "hush-hush'], ':2:'],
    [['[[relay.tokens]]', 'token = "hush-hush"'], ':1:1 tokens: Entry 1 of tokens'],
  ])('is refused with the place of the mistake: %j', async (lines, message) => {
    const error = await refusal({}, `--config ${mcprFile(...lines)}`);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) });
    expect(`${error.message}${error.remedy}`).not.toContain('hush');
  });
});
