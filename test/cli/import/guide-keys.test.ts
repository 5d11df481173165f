import { expect, it } from 'vitest';
import { Importer } from './importing.ts';

const BEARER = 'ffffffffffffffff0123456789abcdef';
const AUTHTOKEN = '2abcNgrokAuthtoken_0123456789';
const PAIR = 'ann:open-sesame-please';
const SECRETS = [BEARER, AUTHTOKEN, 'open-sesame-please', 'aBcD1234eFgH', 'ghp_secret_of_the_server'];

/** The keys of the guides' `.env.example`, those of one image filled in. */
function env(filled: Readonly<Record<string, string>>): string {
  const keys = [
    'NGROK_URL',
    'NGROK_AUTHTOKEN',
    'NGROK_BASIC_AUTH',
    'PINGGY_ACCESS_TOKEN',
    'PINGGY_BEARER_TOKEN',
    'ACCESS_TOKEN',
    'NODE_VERSION',
    'SSH_HOST',
    'SSH_PRIVATE_KEY_PASSWORD',
  ];
  return keys.map((key) => `${key}=${filled[key] ?? ''}\n`).join('');
}

const PINGGY = { PINGGY_ACCESS_TOKEN: 'aBcD1234eFgH', PINGGY_BEARER_TOKEN: BEARER };
const NGROK = { NGROK_URL: 'notes.ngrok.app', NGROK_AUTHTOKEN: AUTHTOKEN, NGROK_BASIC_AUTH: `"${PAIR}"` };

async function entryOf(filled: Readonly<Record<string, string>>, ...options: readonly string[]) {
  const importer = new Importer();
  return importer.entry(importer.file('.env', env(filled)), '--port', '8000', ...options);
}

async function notesOf(filled: Readonly<Record<string, string>>, ...options: readonly string[]) {
  const importer = new Importer();
  return importer.notes(importer.file('.env', env(filled)), '--port', '8000', ...options);
}

it('knows the keys of the image with Pinggy', async () => {
  expect(await entryOf(PINGGY)).toEqual({
    port: 8000,
    provider: 'pinggy',
    pinggy: { token: 'aBcD1234eFgH' },
    access: { token: BEARER },
  });
});

it('knows the keys of the image with ngrok', async () => {
  const entry = {
    port: 8000,
    provider: 'ngrok',
    ngrok: { authtoken: AUTHTOKEN, domain: 'notes.ngrok.app', basicAuth: [PAIR] },
  };
  expect(await entryOf({ ...NGROK, NGROK_BASIC_AUTH: PAIR })).not.toEqual({});
  expect(await entryOf({ ...NGROK, NGROK_URL: 'https://notes.ngrok.app' })).toMatchObject({
    ngrok: { domain: 'notes.ngrok.app' },
  });
  const importer = new Importer();
  const file = importer.file('.env', env(NGROK));
  expect((await importer.type(file, '--port', '8000')).code).toBe(0);
  expect(importer.tunnels()).toMatchObject({
    [Object.keys(importer.tunnels())[0] ?? '']: { ...entry, ngrok: { domain: 'notes.ngrok.app' } },
  });
  expect(Object.values(importer.secretFiles())).toEqual(['600', '600']);
});

it.each(['ACCESS_TOKEN', 'NGINX_ACCESS_TOKEN'])('takes %s as the access token', async (key) => {
  const importer = new Importer();
  const file = importer.file('.env', `${key}=${BEARER}\n`);
  expect(await importer.entry(file, '--port', '8000')).toMatchObject({ access: { token: BEARER } });
});

it('asks who shall carry the traffic when there are keys of several, and names the others then', async () => {
  const importer = new Importer();
  const file = importer.file('.env', env({ ...PINGGY, ...NGROK }));
  const { code, stderr } = await importer.type(file, '--port', '8000');
  expect(code).toBe(2);
  expect(stderr).toContain('variables of pinggy, ngrok');
  expect(stderr).toContain('--provider pinggy, --provider ngrok');
  const { entry, left } = await notesOf({ ...PINGGY, ...NGROK }, '--provider', 'ngrok');
  expect(entry).toMatchObject({ provider: 'ngrok' });
  expect(entry).not.toHaveProperty('pinggy');
  expect(left.map(({ from }) => from)).toEqual(
    expect.arrayContaining(['PINGGY_ACCESS_TOKEN', 'PINGGY_BEARER_TOKEN']),
  );
});

it('takes ACCESS_TOKEN with another provider too, where nothing else is the token', async () => {
  expect(
    await entryOf({ NGROK_AUTHTOKEN: AUTHTOKEN, ACCESS_TOKEN: BEARER }, '--provider', 'ngrok'),
  ).toMatchObject({
    provider: 'ngrok',
    access: { token: BEARER },
  });
});

it('names what is for building and deploying an image, and what has no value', async () => {
  const { left } = await notesOf({ ...PINGGY, NODE_VERSION: '22', SSH_HOST: 'example.com' });
  expect(Object.fromEntries(left.map(({ from, why }) => [from, why]))).toMatchObject({
    NODE_VERSION: expect.stringContaining('Node.js of this machine'),
    SSH_HOST: expect.stringContaining('another machine'),
    NGROK_URL: 'it has no value',
  });
});

it.each([
  ['NGROK_URL=http://notes.ngrok.app', 'NGROK_URL', 'https endpoints'],
  ['NGROK_BASIC_AUTH=nocolon', 'NGROK_BASIC_AUTH', 'user:password'],
  ['PINGGY_BEARER_TOKEN=short', 'PINGGY_BEARER_TOKEN', 'at least 16 characters'],
])('says why it cannot carry %s over', async (text, from, why) => {
  const importer = new Importer();
  const { left } = await importer.notes(importer.file('.env', `${text}\n`), '--port', '8000');
  expect(left).toEqual([{ from, why: expect.stringContaining(why) }]);
});

it('refuses what ngrok would refuse, before anything is written', async () => {
  const importer = new Importer();
  const file = importer.file('.env', `NGROK_AUTHTOKEN=${AUTHTOKEN}\nNGROK_BASIC_AUTH=ann:short\n`);
  const { code, stderr } = await importer.type(file, '--port', '8000');
  expect(code).not.toBe(0);
  expect(stderr).toContain('NGROK_OPTION_INVALID');
  expect(importer.secretFiles()).toEqual({});
});

it('passes on what it read in the file without a word of dotenv', async () => {
  const importer = new Importer();
  const file = importer.file('.env', `PINGGY_ACCESS_TOKEN=abc#def\nnonsense\n`);
  const { left } = await importer.notes(file, '--port', '8000');
  expect(left.map(({ why }) => why)).toEqual([
    expect.stringContaining('ends before its #'),
    expect.stringContaining('line 2'),
  ]);
});

it.each([
  ['A=1\nA=2\n', 'different values in lines 1 and 2'],
  ['A="open\n', 'never closed'],
  ['PINGGY_ACCESS_TOKEN={PINGGY_TOKEN}\n', '{PINGGY_TOKEN} still has to be filled in'],
  ['\n# nothing\n', 'no KEY=value'],
])('refuses a file of %j', async (text, why) => {
  const importer = new Importer();
  const { code, stderr } = await importer.type(importer.file('.env', text), '--port', '8000');
  expect(code).toBe(2);
  expect(stderr).toContain('IMPORT_NOT_UNDERSTOOD');
  expect(stderr).toContain(why);
});

it('says of a file that is not there what was looked for', async () => {
  const { code, stderr } = await new Importer().type('/nowhere/.env');
  expect(code).toBe(2);
  expect(stderr).toContain('/nowhere/.env cannot be read: there is no such file');
  expect((await new Importer().type('k:secret!')).stderr).not.toContain('secret');
});

it('prints no secret of the file', async () => {
  for (const filled of [PINGGY, NGROK, { ...PINGGY, ...NGROK, SSH_PRIVATE_KEY_PASSWORD: 'aBcD1234eFgH' }]) {
    for (const extra of [[], ['--provider', 'ngrok'], ['--provider', 'pinggy', '--json']]) {
      const importer = new Importer();
      const file = importer.file('.env', env(filled));
      const { stdout, stderr } = await importer.type(file, '--port', '8000', ...extra);
      for (const secret of SECRETS) expect(stdout + stderr).not.toContain(secret);
    }
  }
});

it.each([
  [
    `ngrok http 8000 --url https://notes.ngrok.app --authtoken ${AUTHTOKEN} --basic-auth ${PAIR}`,
    NGROK_LINE(),
  ],
  [`ngrok http 8000 --domain=notes.ngrok.app`, { port: 8000, ngrok: { domain: 'notes.ngrok.app' } }],
  ['ngrok http localhost:3845', { port: 3845 }],
  ['ngrok http https://localhost:8443/mcp', { url: 'https://localhost:8443/mcp' }],
  ['ngrok http http://10.0.0.7:80', { url: 'http://10.0.0.7', allowRemoteUpstream: true }],
  ['ngrok http 8000 --cidr-allow 203.0.113.0/24', { ngrok: { allow: ['203.0.113.0/24'] } }],
  ['ngrok http 8000 --host-header=figma.local', { hostHeader: 'figma.local' }],
  ['ngrok http 8000 --pooling-enabled', { ngrok: { pooling: true } }],
])('reads %s', async (line, entry) => {
  const importer = new Importer();
  importer.user.env['NGROK_AUTHTOKEN'] = AUTHTOKEN;
  expect(await importer.entry(line)).toMatchObject({ provider: 'ngrok', ...entry });
});

function NGROK_LINE() {
  return { port: 8000, ngrok: { authtoken: AUTHTOKEN, domain: 'notes.ngrok.app', basicAuth: [PAIR] } };
}

it('names the options of ngrok that it cannot carry over', async () => {
  const importer = new Importer();
  importer.user.env['NGROK_AUTHTOKEN'] = AUTHTOKEN;
  const { left } = await importer.notes(
    'ngrok http 8000 --oauth google --frobnicate --traffic-policy-file p.yml',
  );
  expect(left.map(({ from }) => from)).toEqual(['--oauth', '--frobnicate', '--traffic-policy-file']);
});

it.each(['ngrok tcp 22', 'ngrok http', 'ngrok http 1 2', 'ngrok http 8000 --url'])(
  'refuses %s',
  async (line) => {
    expect((await new Importer().type(line)).stderr).toContain('IMPORT_NOT_UNDERSTOOD');
  },
);
