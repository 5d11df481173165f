import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWithEngine, SSH_IMAGE } from '../helpers/docker-engine.ts';
import { startDualEra, type TestServer } from '../helpers/mcp-servers.ts';
import { makeToken, PinggyEdge } from '../helpers/pinggy-edge.ts';
import { type Access, Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MARKER = 'hunter2marker';

describeWithEngine('a tunnel through Pinggy', (engine) => {
  let home: Tunneld;
  let edge: PinggyEdge;
  let server: TestServer;
  let options: string[];

  beforeEach(async () => {
    home = await Tunneld.create();
    edge = await PinggyEdge.start();
    server = await startDualEra();
    const ca = path.join(home.folder, 'edge.pem');
    writeFileSync(ca, edge.certificate.cert);
    Object.assign(home.env, engine().env, { NODE_EXTRA_CA_CERTS: ca, PINGGY_TOKEN: makeToken() });
    options = [
      ...[`--port=${server.port}`, '--provider=pinggy', '--pinggy-token=env:PINGGY_TOKEN'],
      ...[`--pinggy-server=127.0.0.1:${edge.port}`, `--pinggy-image=${SSH_IMAGE}`],
    ];
  });

  afterEach(async () => {
    await home[Symbol.asyncDispose]();
    await edge[Symbol.asyncDispose]();
    await server.stop();
    for (const { Id } of await engine().containers())
      await engine().docker.getContainer(Id).remove({ force: true });
  });

  it('is up with one command, serves a real client, and leaves no container when down', async () => {
    const access = await home.up('figma', ...options);
    expect(access.url.href).toBe(new URL('/mcp', edge.logins[0]?.publicUrl).href);
    expect(await toolsThrough(edge, access)).not.toEqual([]);
    expect(await engine().containers()).toHaveLength(1);

    const findings = await home.ok('inspect', 'figma', '--findings');
    expect(findings.match(/^ok /gm)).toHaveLength(6);
    const command = await home.ok('inspect', 'figma', '--docker-command');
    expect(command).toMatch(
      /^docker run -d .*--cap-drop=ALL .*'\*\*\*@127\.0\.0\.1' 'k:\*\*\*' x:https x:xff/,
    );

    await home.ok('down', 'figma');
    expect(await engine().containers()).toEqual([]);
    expect(edge.live).toBe(0);
  });

  it('refuses a wrong key at the edge, before anything reaches this machine', async () => {
    const access = await home.up('figma', ...options);
    const refused = await answerTo(edge, { ...access, token: 'tnl_wrong' });
    expect(refused).toMatchObject({ status: 401 });
    expect(refused.headers['x-tunneld']).toBeUndefined();
    expect((await answerTo(edge, access)).headers['x-tunneld']).toBeDefined();
  });

  it('is taken over by the next daemon when one is killed, under the same URL', async () => {
    const before = await home.up('figma', ...options);
    const [container] = await engine().containers();
    await home.kill('SIGKILL');
    await home.ok('daemon', 'start');
    const began = performance.now();
    await home.until('figma', ({ health }) => health.verdict === 'healthy');
    process.stdout.write(`    healthy ${Math.round(performance.now() - began)} ms after the new daemon\n`);

    expect(await home.access('figma')).toEqual(before);
    expect(await toolsThrough(edge, before)).not.toEqual([]);
    expect(edge.logins).toHaveLength(1);
    const after = await engine().containers();
    expect(after.map(({ Id }) => Id)).toEqual([container?.Id]);
    await home.ok('down', 'figma');
    expect(await engine().containers()).toEqual([]);
  });

  it('leaves no container behind when its tunnel is taken out of the file while no daemon runs', async () => {
    const { port } = server;
    await home.writeConfig(`
tunnels:
  figma:
    port: ${port}
    provider: pinggy
    pinggy: { token: 'env:PINGGY_TOKEN', server: 127.0.0.1, serverPort: ${edge.port}, image: '${SSH_IMAGE}' }
`);
    await home.ok('up', '--wait=20s');
    await home.kill('SIGKILL');
    await home.writeConfig('tunnels: {}\n');
    expect(await engine().containers()).toHaveLength(1);
    await home.ok('daemon', 'start');
    await waitFor(async () => (await engine().containers()).length === 0, { timeoutMs: 10_000 });
  });

  it.each([
    ['all of the state', ''],
    ['the state and its copy', 'state.json'],
  ])('leaves no container behind when %s was lost while no daemon ran', async (_, start) => {
    await home.up('figma', ...options);
    await home.kill('SIGKILL');
    expect(await engine().containers()).toHaveLength(1);
    for (const name of readdirSync(home.stateDir).filter((name) => name.startsWith(start)))
      rmSync(path.join(home.stateDir, name), { recursive: true });
    await home.ok('daemon', 'start');
    await waitFor(async () => (await engine().containers()).length === 0, { timeoutMs: 20_000 });
  });

  it('comes back by itself when its container is killed', async () => {
    const before = await home.up('figma', ...options);
    const [container] = await engine().containers();
    const began = performance.now();
    await engine()
      .docker.getContainer(container?.Id ?? '')
      .kill();
    await home.until(
      'figma',
      ({ health, session }) => session?.generation === 2 && health.verdict === 'healthy',
    );
    process.stdout.write(`    healthy again after ${Math.round(performance.now() - began)} ms\n`);
    expect(await home.access('figma')).toEqual(before);
    expect(await engine().containers()).toHaveLength(1);
  });

  it('teaches the edge a new token, and lets the old one go on for its grace', async () => {
    const old = await home.up('figma', ...options);
    const fresh = { ...old, token: (await home.ok('token', 'rotate', 'figma', '--grace=1h')).trim() };
    await waitFor(async () => (await answerTo(edge, fresh)).status !== 401, { timeoutMs: 15_000 });
    expect(fresh.token).not.toBe(old.token);
    expect(await toolsThrough(edge, fresh)).not.toEqual([]);
    expect((await answerTo(edge, old)).status).not.toBe(401);
  });

  it('teaches the edge a token that was rotated while a session was opening', async () => {
    edge.mode = 'no-url';
    await home.ok('up', 'figma', ...options, '--no-wait');
    await waitFor(() => edge.logins.length === 1);
    const token = (await home.ok('token', 'rotate', 'figma')).trim();
    edge.mode = 'serve';
    edge.release();
    const { url } = await home
      .until('figma', ({ health }) => health.verdict === 'healthy')
      .then(() => home.access('figma'));
    expect((await answerTo(edge, { url, token })).status).not.toBe(401);
  });

  it('keeps every secret out of logs, statuses and errors', async () => {
    Object.assign(home.env, {
      PINGGY_TOKEN: `${MARKER}token`,
      EDGE_KEY: `${MARKER}key`,
      PASSWORD: `${MARKER}pass`,
    });
    const secrets = ['--pinggy-key=env:EDGE_KEY', '--pinggy-basic-auth=ann:env:PASSWORD'];
    const { token } = await home.up('figma', ...options, ...secrets);
    edge.mode = 'deny';
    edge.drop();
    const failed = await home.until('figma', ({ state }) => state === 'failed');
    expect(failed.lastError).toMatchObject({ code: 'CREDENTIAL_REJECTED' });
    const shown = [
      await home.logs('figma'),
      JSON.stringify(failed),
      await home.ok('inspect', 'figma'),
      (await home.run('inspect', 'figma', '--findings')).stdout,
      await home.ok('inspect', 'figma', '--docker-command'),
      await home.ok('logs', 'figma'),
    ].join('\n');
    expect(shown).toContain('Permission denied');
    expect(shown).not.toContain(MARKER);
    expect(shown).not.toContain(token);
  });

  it.each<[string, () => string[], string]>([
    ['there is no engine', () => [], 'ENGINE_UNREACHABLE'],
    ['the image is nowhere', () => ['--pinggy-image=registry.invalid/pinggy:1'], 'IMAGE_UNAVAILABLE'],
    ['the token is refused', () => [], 'CREDENTIAL_REJECTED'],
    ['an option breaks out of its argument', () => ['--pinggy-header=X-A: b" k:c'], 'PINGGY_OPTION_INVALID'],
    ['the token is nowhere', () => ['--pinggy-token=env:NOWHERE'], 'SECRET_UNAVAILABLE'],
  ])('says why and what to do within three seconds when %s', async (_, more, code) => {
    if (code === 'ENGINE_UNREACHABLE') home.env['DOCKER_HOST'] = `unix://${home.folder}/none.sock`;
    if (code === 'CREDENTIAL_REJECTED') edge.mode = 'deny';
    await home.ok('daemon', 'start');
    const began = performance.now();
    const { code: exitCode, stderr } = await home.spawn(['up', 'figma', ...options, ...more()]);
    const took = Math.round(performance.now() - began);
    process.stdout.write(`    ${code}: ${took} ms\n`);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(code);
    expect(stderr).toMatch(/^ {2}fix {5}\S/m);
    expect(took).toBeLessThan(3_000);
  });

  it('takes no secret from the command line', async () => {
    const { code, stderr } = await home.spawn(['up', 'figma', ...options, '--pinggy-key=plain']);
    expect(code).toBe(2);
    expect(stderr).toContain('env:NAME');
  });
});

/** Names of the tools a real MCP client finds behind the public URL. */
async function toolsThrough(edge: PinggyEdge, { url, token }: Access): Promise<string[]> {
  const dispatcher = new Agent({ connect: { ca: edge.certificate.cert } });
  const fetch = ((input: string | URL, init: RequestInit = {}) =>
    undiciFetch(input, { ...init, dispatcher } as Parameters<
      typeof undiciFetch
    >[1])) as unknown as typeof globalThis.fetch;
  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
    fetch,
  });
  const client = new Client({ name: 'tunneld-test', version: '1.0.0' });
  try {
    await client.connect(transport as Transport);
    return (await client.listTools()).tools.map(({ name }) => name);
  } finally {
    await client.close();
    await dispatcher.close();
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
}

function answerTo(edge: PinggyEdge, { url, token }: Access): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const request = https.get(url, { ca: edge.certificate.cert, headers, agent: false }, (response) => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
      response.destroy();
    });
    request.on('error', reject);
  });
}
