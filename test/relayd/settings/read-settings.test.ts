import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../helpers/temp-folder.ts';
import { readTyped as read, refusalOf } from './typed.ts';

/** A file with this content, which only its owner may read. */
function fileWith(content: string, name = 'relay.yaml'): string {
  const file = join(tempFolder(), name);
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

describe('what `tunneld relay` is told', () => {
  it('may be variables, and an option wins over its own', async () => {
    const env = {
      TUNNELD_RELAY_DOMAIN: 'tunnel.example.com',
      TUNNELD_RELAY_PORT: '9000',
      TUNNELD_RELAY_STATIC_TOKEN: 'one:alice two:bob',
    };
    const { settings, warnings } = await read('--port 9001', env);
    expect(settings).toMatchObject({
      port: 9001,
      routing: 'host',
      auth: { kind: 'static' },
      adminPort: 8081,
    });
    expect(settings.publicUrl.href).toBe('https://tunnel.example.com/');
    expect(warnings).toEqual([expect.stringContaining('--trusted-proxies does not name it')]);
  });

  it('may be where certificates come from, and where visitors without TLS are met', async () => {
    const env = { TUNNELD_STATE_DIR: '/var/lib/tunneld' };
    const { settings } = await read('--domain a.example --open --acme --redirect-port 80', env);
    expect(settings.redirectPort).toBe(80);
    expect(settings.acme).toMatchObject({ email: undefined, folder: '/var/lib/tunneld/relay-certificates' });
    expect(settings.acme?.directory.host).toBe('acme-v02.api.letsencrypt.org');
    const plain = (await read('--domain a.example --open', env)).settings;
    expect([plain.acme, plain.redirectPort]).toEqual([undefined, undefined]);
  });

  it('lets the clients of mcp-tunnel serve, whose tunnels are open, when that is said in words', async () => {
    const refuse = await read('--domain a.example --open');
    expect(refuse.settings.mcpTunnelAgents).toBe(false);
    const serve = await read('--domain a.example --open', { TUNNELD_RELAY_MCP_TUNNEL_AGENTS: 'serve' });
    expect(serve.settings.mcpTunnelAgents).toBe(true);
  });

  it('reminds whoever comes from mcp-tunnel that its clients have to be allowed', async () => {
    const env = { MCPR_RELAY_DOMAIN: 'a.example' };
    const reminder = expect.stringContaining('--mcp-tunnel-agents serve');
    expect((await read('--open', env)).warnings).toContainEqual(reminder);
    expect((await read('--open --mcp-tunnel-agents serve', env)).warnings).not.toContainEqual(reminder);
    expect((await read('--open --mcp-tunnel-agents refuse', env)).warnings).not.toContainEqual(reminder);
    expect((await read('--domain a.example --open')).warnings).not.toContainEqual(reminder);
  });

  it('is warned about when others can read it, or anybody may come', async () => {
    const literal = await read('--public-url http://a.example --static-token secret:alice');
    expect(literal.warnings).toEqual([expect.stringContaining('--static-token with the secret itself')]);
    const open = await read('--public-url http://a.example --open');
    expect(open.warnings).toEqual([expect.stringContaining('this relay is open')]);
  });

  it('is warned about when a proxy must be in front and none is trusted', async () => {
    const warning = expect.stringContaining('--trusted-proxies does not name it');
    const warned = async (line: string) => (await read(`--open ${line}`)).warnings;
    expect(await warned('--domain a.example')).toContainEqual(warning);
    expect(await warned('--domain a.example --trusted-proxies 127.0.0.1')).not.toContainEqual(warning);
    expect(await warned('--domain a.example --acme')).not.toContainEqual(warning);
    expect(await warned('--public-url http://a.example')).not.toContainEqual(warning);
  });

  it.each([
    ['--domain a.example --static-token tok:admin', 'admin (reserved)'],
    ['--domain a.example --static-token tok:MyApp,fine', 'MyApp (names are lower-case letters'],
    ['--domain a.example --static-token tok:fine,-*', '-* (names are'],
    ['--domain a.example --routing path --static-token tok:mcp', 'mcp (reserved)'],
  ])('%s is refused: nobody could ever have the name', async (line, why) => {
    await expect(read(line)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(`--static-token: no tunnel can have these names: ${why}`),
    });
    expect((await read('--domain a.example --static-token tok:mcp,al*,*')).settings.auth.kind).toBe('static');
  });

  it.each([
    ['--relay-domain', '--domain'],
    ['--auth-provider', '--auth-url'],
    ['--domian', '--domain'],
  ])('%s, which it does not have, is answered with %s', async (typed, meant) => {
    await expect(read(`${typed} a.example`)).rejects.toMatchObject({
      code: 'USAGE',
      remedy: expect.stringContaining(`Did you mean ${meant}?`),
    });
  });

  it.each([
    ['--open', 'where visitors reach the relay'],
    ['--domain a.example', 'who may register'],
    ['--domain a.example --open --static-token a:b', '--open: excludes --static-token'],
    ['--domain a.example --auth-url http://127.0.0.1:1', '--auth-url: needs --auth-secret'],
    ['--domain a.example --open --auth-secret env:X', '--auth-secret: needs --auth-url'],
    ['--domain a.example --static-token secret', 'is not TOKEN:NAME'],
    ['--domain a.example --open --tls-cert x', '--tls-cert: needs --tls-key'],
    ['--domain a.example --open --acme-email a@b.example', '--acme-email: needs --acme'],
    [
      '--domain a.example --open --acme --acme-email somebody',
      '--acme-email: Expected a mail address such as ops@example.com, found "somebody"',
    ],
    ['--domain a.example --open --acme --acme-directory http://a.example', 'is not an https URL'],
    ['--domain a.example --open --acme --tls-cert x --tls-key y', '--acme: excludes --tls-cert'],
    ['--public-url http://a.example --open --acme', '--acme: is for https and a host with a name'],
    ['--public-url https://127.0.0.1 --routing path --open --acme', 'a host with a name'],
    ['--public-url http://a.example --open --redirect-port 80', '--redirect-port: leads to https'],
    ['--domain a.example --open --proxy-protocol', '--proxy-protocol: needs --trusted-proxies'],
    ['--domain a.example --open --port 70000', '--port: Expected a port from 0 to 65535, found 70000'],
    ['--public-url http://127.0.0.1:1 --open', 'use --routing path'],
    ['--domain a.example --open --routing both', '--routing: Expected host or path, found "both"'],
    ['--domain a.example --open --drain-timeout soon', '--drain-timeout: Expected a duration'],
    ['--domain a.example --open --drain-timeout 10', '"10" has no unit: write 10s for seconds'],
    ['--domain a.example --open --max-request-body 5x', '--max-request-body: Expected a size'],
    ['--domain a.example --open --trusted-proxies 10.0.0.0/8,home', '"home" is neither an address'],
  ])('%s is refused', async (words, message) => {
    await expect(read(words)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['5mb', 5_242_880],
    ['512k', 524_288],
    ['1 GiB', 1_073_741_824],
    ['1000', 1_000],
    ['0', 0],
  ])('takes %s for a size of %i bytes', async (written, bytes) => {
    const env = { TUNNELD_RELAY_MAX_RESPONSE_BODY: written };
    const { settings } = await read('--domain a.example --open', env);
    expect(settings.limits.maxResponseBodyBytes).toBe(bytes);
  });

  it.each([
    ['0.1', 0.1],
    ['1/100', 0.01],
    ['5%', 0.05],
    ['0', 0],
    ['1', 1],
  ])('takes %s for a share of %f', async (written, share) => {
    const { settings } = await read(`--domain a.example --open --log-sample ${written}`);
    expect(settings.logSample).toBe(share);
  });

  it.each(['2', '1/0', 'half', '-1', '0/0'])('takes %s for no share', async (written) => {
    await expect(read(`--domain a.example --open --log-sample=${written}`)).rejects.toThrow(
      'Expected a share',
    );
  });

  it('suggests what a misspelt variable was meant to be', async () => {
    const env = { TUNNELD_RELAY_DOMIAN: 'a.example', TUNNELD_RELAY_ALICES_KEY: 'hush' };
    const { warnings } = await read('--domain a.example --open', env);
    expect(warnings).toContain('TUNNELD_RELAY_DOMIAN is no setting; did you mean TUNNELD_RELAY_DOMAIN?');
    expect(warnings.join()).not.toContain('ALICES_KEY');
  });
});

describe('relay.yaml', () => {
  const COMPLETE = [
    'domain: tunnel.example.com',
    'port: 9000',
    'staticToken: [env:TOKENS]',
    'trustedProxies: 10.0.0.0/8, 192.0.2.1',
    'maxRequestBody: 5mb',
    'ratePerAddress: 7',
    'drainTimeout: 1m',
  ].join('\n');

  it('says what options and variables say, and both win over it', async () => {
    const file = fileWith(COMPLETE);
    const env = { TOKENS: 'one:alice', TUNNELD_RELAY_RATE_PER_ADDRESS: '8', TUNNELD_RELAY_PORT: '9001' };
    const { settings, file: used } = await read(`--config ${file} --port 9002`, env);
    expect(used).toBe(file);
    expect(settings).toMatchObject({ port: 9_002, drainMs: 60_000, auth: { kind: 'static' } });
    expect(settings.limits).toMatchObject({ requestsPerAddress: 8, maxRequestBodyBytes: 5_242_880 });
    expect(settings.trustedProxies.check('10.1.2.3')).toBe(true);
    expect(settings.trustedProxies.check('192.0.2.1')).toBe(true);
  });

  it('is found by its variable, or at its place', async () => {
    const file = fileWith('domain: a.example\nopen: true\n');
    const byVariable = await read('', { TUNNELD_RELAY_CONFIG: file });
    const inPlace = await read('', {}, file);
    expect([byVariable.file, inPlace.file]).toEqual([file, file]);
  });

  it('is refused with every mistake and where it is', async () => {
    const file = fileWith(
      'domain: a.example\nport: 70000\nstatic-token: x\nopen: perhaps\nhost: [a, b]\nauthSecret: 0123\nroutng: path\n',
    );
    const error = await refusalOf(`--config ${file} --port nine`);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message.split('\n').slice(1)).toEqual([
      `  ${file}:3:1 static-token: Unknown key; did you mean "staticToken"?`,
      `  ${file}:4:1 open: Expected true or false, found "perhaps"`,
      `  ${file}:5:1 host: Expected text, found a list`,
      `  ${file}:6:1 authSecret: Expected text: put it in quotes`,
      `  ${file}:6:1 authSecret: needs \`authUrl\``,
      `  ${file}:7:1 routng: Unknown key; did you mean "routing"?`,
      '  --port: Expected a whole number, found "nine"',
    ]);
  });

  it.each([
    ['- a', '1:1 Expected keys such as'],
    ['domain: [', ':1:'],
    ['domain:\nopen: true', '1:1 domain: Expected text, found nothing'],
    ['domain: {a: b}\nopen: true', 'domain: Expected text, found keys below'],
    ['domain: a.example\nopen: true\nopen: true', '3:1 open: The key is there twice'],
  ])('%j is refused', async (content, message) => {
    await expect(read(`--config ${fileWith(content)}`)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('that is named and is not there is a mistake', async () => {
    await expect(read('--config /nowhere/relay.yaml')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: '/nowhere/relay.yaml cannot be read: there is no such file',
    });
  });

  it('with a secret in it is closed to others', async () => {
    const file = fileWith('domain: a.example\nstaticToken: hush-hush:alice\n');
    chmodSync(file, 0o644);
    const { warnings } = await read(`--config ${file}`);
    expect(warnings).toContainEqual(expect.stringContaining('was open to others (mode 644); it is 600 now'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('does not repeat its secrets in what it says about them', async () => {
    const file = fileWith('domain: a.example\nstaticToken: [hush-hush]\nauthSecret: hush-hush\n');
    const error = await refusalOf(`--config ${file}`);
    expect(error.message).toContain('Entry 1');
    expect(`${error.message} ${error.remedy}`).not.toContain('hush');
  });
});
