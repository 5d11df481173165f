import { describe, expect, it } from 'vitest';
import { Importer } from './importing.ts';

const SECRET = 'ghp_secret_of_the_server_0123';

it.each([
  ['supergateway --sse http://127.0.0.1:3845/sse --outputTransport stdio', 'http://127.0.0.1:3845/sse'],
  ['npx -y supergateway --streamableHttp http://localhost:3000/mcp', 'http://localhost:3000/mcp'],
  ['npx -y supergateway@3.4.2 --streamable-http=http://localhost:3000/mcp', 'http://localhost:3000/mcp'],
  ['pnpm dlx supergateway --streamableHttp http://localhost:3000/mcp', 'http://localhost:3000/mcp'],
  ['dumb-init npx supergateway --streamableHttp http://localhost:3000/mcp', 'http://localhost:3000/mcp'],
])('takes the server behind `%s`', async (line, url) => {
  expect(Object.values(await new Importer().entry(line))).toContain(url);
});

const URL_LINE = 'supergateway --streamableHttp http://localhost:3000/mcp';

it.each([
  ['--port 8000', 'same', '--port 8000'],
  ['--baseUrl http://localhost:8000', 'same', '--baseUrl http://localhost:8000'],
  ['--ssePath /sse --messagePath /message', 'same', '--ssePath /sse'],
  ['--logLevel debug', 'same', '--logLevel debug'],
  ['--healthEndpoint /healthz', 'same', '--healthEndpoint /healthz'],
  ['--outputTransport streamableHttp', 'same', '--outputTransport streamableHttp'],
  ['--outputTransport ws', 'left', '--outputTransport ws'],
  ['--stateful', 'same', '--stateful'],
  ['--sessionTimeout 60000', 'left', '--sessionTimeout 60000'],
  ['--protocolVersion 2024-11-05', 'same', '--protocolVersion 2024-11-05'],
  ['--cors', 'left', '--cors'],
  ['--cors /example/', 'left', '--cors /example/'],
  ['--frobnicate yes', 'left', '--frobnicate'],
  [`--header 'X-Key: ${SECRET}'`, 'left', '--header X-Key: …'],
] as const)('says of %s that it is %s', async (option, kind, from) => {
  const notes = await new Importer().notes(`${URL_LINE} ${option}`);
  expect(notes[kind].map((note) => note.from)).toContain(from);
  expect(JSON.stringify(notes)).not.toContain(SECRET);
});

it('lets the pages call that the bridge let', async () => {
  expect(await new Importer().entry(`${URL_LINE} --cors https://a.example https://b.example`)).toMatchObject({
    access: { origins: ['https://a.example', 'https://b.example'] },
  });
});

it.each([`--oauth2Bearer ${SECRET}`, `--header 'Authorization: Bearer ${SECRET}'`])(
  'asks the server with the login of %s, and says that clients send it themselves',
  async (option) => {
    const line = `${URL_LINE} ${option}`;
    expect(await new Importer().entry(line)).toMatchObject({ health: { authorization: `Bearer ${SECRET}` } });
    const { advice } = await new Importer().notes(line);
    expect(advice.join()).toContain('X-Tunneld-Token');
  },
);

it.each([
  ['supergateway', 'names 0 servers'],
  ['supergateway --sse http://127.0.0.1:1/sse --stdio x', 'names 2 servers'],
  ['supergateway --sse not-a-url', 'is no URL'],
  ['supergateway --sse https://mcp.example.com/sse', 'not this machine'],
  ['supergateway --stdio', 'has no value'],
  ['supergateway --stdio npx -y server', 'Word 3 behind supergateway is no option'],
  [`${URL_LINE} --outputTransport pigeon`, 'none that Supergateway has'],
  [`${URL_LINE} --sessionTimeout soon`, 'no number of milliseconds'],
  ['supergateway --stdio "cat secrets | server"', 'a pipe'],
  ['supergateway --stdio "$(which server)"', 'a command in $( )'],
  ['supergateway --stdio "cd x && server"', 'several commands'],
  ['npx -y @modelcontextprotocol/server-filesystem .', 'no bridge and no tunnel'],
  ['npx', 'no bridge and no tunnel'],
  ['sudo', 'begins with a program'],
])('refuses `%s`', async (line, why) => {
  const { code, stderr } = await new Importer().type(line);
  expect(code).toBe(2);
  expect(stderr).toContain('IMPORT_NOT_UNDERSTOOD');
  expect(stderr).toContain(why);
});

describe('a server over stdio', () => {
  const LINE =
    'npx -y supergateway --stdio "npx -y @modelcontextprotocol/server-filesystem ./notes" --port 8000 --outputTransport streamableHttp';
  const COMMAND = ['npx', '-y', '@modelcontextprotocol/server-filesystem', './notes'];

  it('is started by tunneld, where the line was typed', async () => {
    expect(await new Importer().entry(LINE)).toEqual({ command: COMMAND, cwd: process.cwd() });
    const importer = new Importer();
    await importer.type(LINE);
    expect(Object.keys(importer.tunnels())).toEqual(['filesystem']);
  });

  it('is taken from the words of a line as well', async () => {
    const words = ['npx', '-y', 'supergateway', '--stdio', COMMAND.join(' '), '--port', '8000', '--stateful'];
    expect(await new Importer().entry(...words)).toMatchObject({ command: COMMAND, process: 'per-session' });
  });

  it('ends with a session that was idle for as long as the bridge let it be', async () => {
    expect(await new Importer().entry(`${LINE} --stateful --sessionTimeout 60000`)).toMatchObject({
      idle: 60_000,
    });
    const { left } = await new Importer().notes(`${LINE} --sessionTimeout 10`);
    expect(left.map(({ from }) => from)).toEqual(['--sessionTimeout 10']);
  });

  it('gets the variables of the line, each from a file', async () => {
    const importer = new Importer();
    const entry = await importer.entry(`GITHUB_TOKEN=${SECRET} ${LINE}`);
    expect(entry).toMatchObject({ command: COMMAND, env: { GITHUB_TOKEN: SECRET } });
    expect(importer.secretFiles()).toEqual({ 'filesystem.env-GITHUB_TOKEN': '600' });
    const docker = `docker run -it --rm -p 8000:8000 -e GITHUB_TOKEN=${SECRET} supercorp/supergateway --stdio "npx -y server-github" --port 8000`;
    expect(await new Importer().entry(docker)).toEqual({
      command: ['npx', '-y', 'server-github'],
      env: { GITHUB_TOKEN: SECRET },
    });
  });

  it('is told when there is a secret among its arguments, which is not printed', async () => {
    const importer = new Importer();
    const { stdout } = await importer.type(`supergateway --stdio "server --api-key ${SECRET}" --port 8000`);
    expect(stdout).toContain('looks like a secret among its arguments');
    expect(stdout).not.toContain(SECRET);
  });

  const ENV = `NPM_MCP=@modelcontextprotocol/server-memory
NPM_MCP_ARGS="--one 'two words'"
SUPERGATEWAY_EXTRA_ARGS=--stateful
PINGGY_ACCESS_TOKEN=aBcD1234eFgH
PINGGY_BEARER_TOKEN=ffffffffffffffff0123456789abcdef
MEMORY_KEY=${SECRET}
`;

  it("is what the guide's .env names, with its own variables and none of the tunnel's", async () => {
    const importer = new Importer();
    const file = importer.file('.env', ENV);
    expect(await importer.entry(file)).toEqual({
      command: ['npx', '-y', '@modelcontextprotocol/server-memory', '--one', 'two words'],
      env: { MEMORY_KEY: SECRET },
      process: 'per-session',
      provider: 'pinggy',
      pinggy: { token: 'aBcD1234eFgH' },
      access: { token: 'ffffffffffffffff0123456789abcdef' },
    });
    expect(Object.keys(importer.tunnels())).toEqual(['memory']);
  });

  it("is what the lines build and start that the guide's scripts run", async () => {
    const build =
      'docker build . -t mcp --platform linux/x86_64 --build-arg NPM_MCP=@modelcontextprotocol/server-memory --build-arg NPM_MCP_ARGS= --build-arg SUPERGATEWAY_EXTRA_ARGS=--stateful --build-arg NODE_VERSION=22';
    const run = `docker run -d --restart unless-stopped -p 127.0.0.1:80:5000 -e ACCESS_TOKEN=ffffffffffffffff0123456789abcdef -e MEMORY_KEY=${SECRET} mcp`;
    expect(await new Importer().entry(build, run)).toMatchObject({
      command: ['npx', '-y', '@modelcontextprotocol/server-memory'],
      env: { MEMORY_KEY: SECRET },
      process: 'per-session',
      access: { token: 'ffffffffffffffff0123456789abcdef' },
    });
    const { left } = await new Importer().notes(`${build} && ${run}`);
    expect(left.map(({ from }) => from)).toEqual(
      expect.arrayContaining(['NPM_MCP_ARGS', 'NODE_VERSION', '--platform']),
    );
  });

  it("is what the entry point of the guide's image runs: the tunnel leads to it, and not to a bridge", async () => {
    const importer = new Importer();
    Object.assign(importer.user.env, {
      PINGGY_ACCESS_TOKEN: 'aBcD1234eFgH',
      PINGGY_BEARER_TOKEN: 'ffffffffffffffff0123456789abcdef',
      SUPERGATEWAY_EXTRA_ARGS: '--stateful',
      NPM_MCP: '@modelcontextprotocol/server-memory',
      NPM_MCP_ARGS: '',
    });
    const line =
      'pinggy -p 443 -R0:localhost:8000 -o StrictHostKeyChecking=no -o ServerAliveInterval=30 -t $PINGGY_ACCESS_TOKEN+force@pro.pinggy.io "k:$PINGGY_BEARER_TOKEN" x:https & dumb-init npx supergateway --port 8000 --outputTransport streamableHttp $SUPERGATEWAY_EXTRA_ARGS --stdio "npx --no $NPM_MCP $NPM_MCP_ARGS"';
    expect(await importer.entry(line)).toMatchObject({
      command: ['npx', '-y', '@modelcontextprotocol/server-memory'],
      process: 'per-session',
      provider: 'pinggy',
      pinggy: { token: 'aBcD1234eFgH' },
    });
    expect(Object.values(importer.tunnels())[0]).not.toHaveProperty('port');
  });

  it('has variables whatever they are called', async () => {
    const importer = new Importer();
    const file = importer.file('.env', 'NPM_MCP=foo\nconstructor=one-value\ntoString=two-values\n');
    expect(await importer.entry(file)).toMatchObject({
      env: { constructor: 'one-value', toString: 'two-values' },
    });
  });

  it.each(['NPM_MCP=../evil', 'NPM_MCP=a b', 'SUPERGATEWAY_EXTRA_ARGS=--stdio x'])(
    'refuses %s',
    async (text) => {
      const importer = new Importer();
      const { code, stderr } = await importer.type(importer.file('.env', `${text}\n`), '--port', '1');
      expect(code).toBe(2);
      expect(stderr).toContain('IMPORT_NOT_UNDERSTOOD');
    },
  );
});
