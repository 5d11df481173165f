import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listen, startDualEra, type TestServer } from '../helpers/mcp-servers.ts';
import { NgrokEdge } from '../helpers/ngrok/edge.ts';
import { processes } from '../helpers/processes.ts';
import { type Access, isAlive, Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MARKER = 'hunter2marker';
const MEGABYTES_5 = 5 * 1_048_576;

let home: Tunneld;
let edge: NgrokEdge;
let ca: string;

beforeEach(async () => {
  home = await Tunneld.create();
  edge = await NgrokEdge.start();
  ca = path.join(home.folder, 'edge.pem');
  writeFileSync(ca, edge.authority.cert);
  Object.assign(home.env, {
    NODE_EXTRA_CA_CERTS: ca,
    NGROK_AUTHTOKEN: `2${MARKER}token`,
    NGROK_BASIC_AUTH: `anna:${MARKER}password`,
  });
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
  await edge[Symbol.asyncDispose]();
});

function options(port: number, ...more: readonly string[]): string[] {
  return [
    `--port=${port}`,
    '--provider=ngrok',
    `--ngrok-server=${edge.address}`,
    `--ngrok-ca=${ca}`,
    ...more,
  ];
}

describe('a tunnel through ngrok to an MCP server', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startDualEra();
  });

  afterEach(() => server.stop());

  it('is up with one command, serves a real client, and leaves no process when down', async () => {
    const access = await home.up('figma', ...options(server.port));
    expect(access.url.href).toBe(new URL('/mcp', edge.endpoint().url).href);
    expect(await toolsThrough(access)).not.toEqual([]);
    const [agent] = await agentsOf(home);

    const findings = await home.ok('inspect', 'figma', '--findings');
    expect(findings.match(/^ok /gm)).toHaveLength(4);
    await home.ok('down', 'figma');
    expect(isAlive(agent?.pid ?? 0)).toBe(false);
    await waitFor(() => edge.connections === 0);
    expect(edge.online).toEqual([]);
  });

  it('refuses a wrong key at the edge, before anything reaches this machine', async () => {
    const access = await home.up('figma', ...options(server.port));
    const wrong = await ask({ ...access, token: 'tnl_wrong' });
    expect([wrong.statusCode, wrong.headers['x-tunneld']]).toEqual([401, undefined]);
    expect((await ask(access)).headers['x-tunneld']).toBeDefined();
    expect(JSON.stringify([edge.auths, edge.binds])).not.toContain(access.token);
  });

  it('comes back under the same URL when the agent or the daemon is killed, with one session and no orphan', async () => {
    const before = await home.up('figma', ...options(server.port));
    const [agent] = await agentsOf(home);
    process.kill(agent?.pid ?? 0, 'SIGKILL');
    let began = performance.now();
    await home.until(
      'figma',
      ({ health, session }) => session?.generation === 2 && health.verdict === 'healthy',
    );
    process.stdout.write(
      `    healthy ${Math.round(performance.now() - began)} ms after the agent was killed\n`,
    );

    const [second] = await agentsOf(home);
    await home.kill('SIGKILL');
    await waitFor(() => edge.sessions === 0);
    began = performance.now();
    await home.ok('daemon', 'start');
    await home.until('figma', ({ health }) => health.verdict === 'healthy');
    process.stdout.write(`    healthy ${Math.round(performance.now() - began)} ms after the new daemon\n`);
    expect(await home.access('figma')).toEqual(before);
    expect(await toolsThrough(before)).not.toEqual([]);
    expect([edge.sessions, edge.connections]).toEqual([1, 1]);
    const agents = await agentsOf(home);
    expect(agents).toHaveLength(1);
    expect(agents[0]?.pid).not.toBe(second?.pid);
  });

  it('teaches the edge a new token, and lets the old one go on for its grace', async () => {
    const old = await home.up('figma', ...options(server.port));
    const fresh = { ...old, token: (await home.ok('token', 'rotate', 'figma', '--grace=1h')).trim() };
    await waitFor(async () => (await ask(fresh)).headers['x-tunneld'] !== undefined, { timeoutMs: 15_000 });
    expect(await toolsThrough(fresh)).not.toEqual([]);
    expect((await ask(old)).statusCode).not.toBe(401);
  });

  it('keeps every secret out of processes, logs, statuses and errors', async () => {
    const { token } = await home.up(
      'figma',
      ...options(server.port, '--ngrok-basic-auth=env:NGROK_BASIC_AUTH'),
    );
    const agents = await agentsOf(home);
    const seen = agents.map((agent) => `${agent.arguments} ${agent.environment}`).join('\n');
    edge.refuseAuth = ({ Extra }) => ({
      message: `Your authtoken is not valid.\nYour authtoken: ${Extra.AuthToken}`,
      code: 'ERR_NGROK_105',
    });
    edge.drop();
    const failed = await home.until('figma', ({ state }) => state === 'failed');
    expect(failed.lastError).toMatchObject({
      code: 'CREDENTIAL_REJECTED',
      remedy: expect.stringContaining('https://ngrok.com/docs/errors/err_ngrok_105'),
    });
    const shown = [
      seen,
      await home.logs('figma'),
      JSON.stringify(failed),
      await home.ok('inspect', 'figma'),
      (await home.run('inspect', 'figma', '--findings')).stdout,
      await home.ok('logs', 'figma'),
      JSON.stringify(edge.binds),
    ].join('\n');
    expect(shown).toContain('not valid');
    expect(shown).not.toContain(MARKER);
    expect(shown).not.toContain(token);
  });

  it.each<[string, string[], string]>([
    ['there is no authtoken', ['--ngrok-authtoken=env:NOWHERE'], 'SECRET_UNAVAILABLE'],
    ['the authtoken is refused', [], 'CREDENTIAL_REJECTED'],
    ['the domain is none', ['--ngrok-domain=not a domain'], 'NGROK_OPTION_INVALID'],
  ])('says why and what to do when %s', async (_, more, code) => {
    edge.refuseAuth = () => ({ message: 'The authtoken is not valid.', code: 'ERR_NGROK_107' });
    const run = await home.run('up', 'figma', ...options(server.port, ...more));
    expect(run.code).not.toBe(0);
    expect(run.stderr).toContain(code);
    expect(run.stderr).toMatch(/^ {2}fix {5}\S/m);
  });

  it('takes no secret from the command line', async () => {
    const run = await home.spawn(['up', 'figma', ...options(server.port, '--ngrok-authtoken=plain')]);
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining('env:NAME') });
  });

  it('says which tunnel holds what the account allows only once', async () => {
    await home.up('figma', ...options(server.port));
    edge.sessionLimit = 1;
    await home.ok('up', 'notes', ...options(server.port, '--no-wait'));
    const { lastError } = await home.until('notes', (status) => status.lastError?.code === 'NGROK_BUSY');
    expect(lastError?.message).toContain(
      `agent sessions at once, held by figma (${new URL(edge.endpoint().url).host})`,
    );
  });

  it('tells an outage at the edge from one of the server', async () => {
    await home.up('figma', ...options(server.port, '--schedule=* * * * * *'));
    edge.endpoint().interference = { status: 403, code: 'ERR_NGROK_727' };
    const { health } = await home.until('figma', (status) => status.health.verdict === 'limited');
    expect(health.cause).toContain('ERR_NGROK_727');
  });
});

describe('what goes through ngrok', () => {
  it('is 5 MB each way, byte for byte', async () => {
    await using upstream = await listen((request, response) => void request.pipe(response));
    const access = await home.up('raw', ...options(upstream.port, '--probe=tcp'));
    const body = randomBytes(MEGABYTES_5);
    const began = performance.now();
    const echoed = await bodyOf(await ask(access, body));
    process.stdout.write(`    5 MB there and back in ${Math.round(performance.now() - began)} ms\n`);
    expect(digest(echoed)).toBe(digest(body));
  });

  it('is 50 calls at once', async () => {
    await using upstream = await listen((request, response) => void request.pipe(response));
    const access = await home.up('raw', ...options(upstream.port, '--probe=tcp'));
    const bodies = Array.from({ length: 50 }, () => randomBytes(10_000));
    const answers = await Promise.all(bodies.map(async (body) => bodyOf(await ask(access, body))));
    expect(answers.map(digest)).toEqual(bodies.map(digest));
  });

  it('is an event at the moment it is sent, and the news that the caller went away', async () => {
    let gone = 0;
    const streams: http.ServerResponse[] = [];
    await using upstream = await listen((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      response.on('close', () => {
        gone += 1;
      });
      streams.push(response);
    });
    const access = await home.up('raw', ...options(upstream.port, '--probe=tcp'));
    const answer = await ask(access);
    const delays: number[] = [];
    for (let event = 1; event <= 5; event += 1) {
      // The next is sent only when the last has come: a tunnel that holds events back never gets through.
      const sentAt = performance.now();
      streams[0]?.write(`data: ${event}\n\n`);
      expect(String((await once(answer, 'data'))[0])).toContain(`data: ${event}`);
      delays.push(performance.now() - sentAt);
    }
    process.stdout.write(`    events after ${delays.map((delay) => delay.toFixed(1)).join(', ')} ms\n`);
    const began = performance.now();
    answer.destroy();
    await waitFor(() => gone === 1);
    process.stdout.write(`    server told of the abort after ${Math.round(performance.now() - began)} ms\n`);
  });
});

/** The agent processes of this home's daemon. */
async function agentsOf(tunneld: Tunneld) {
  const { pid } = await tunneld.daemon();
  const all = await processes();
  return all.filter((process) => process.arguments.includes('ngrok/worker.js') && process.parent === pid);
}

function ask({ url, token }: Access, body?: Buffer): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const method = body === undefined ? 'GET' : 'POST';
    const request = https.request(url, { ca: edge.authority.cert, headers, agent: false, method }, resolve);
    request.on('error', reject);
    request.end(body);
  });
}

async function bodyOf(answer: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Names of the tools a real MCP client finds behind the public URL. */
async function toolsThrough({ url, token }: Access): Promise<string[]> {
  const dispatcher = new Agent({ connect: { ca: edge.authority.cert } });
  const fetch = ((input: string | URL, init: RequestInit = {}) =>
    undiciFetch(input, { ...init, dispatcher } as Parameters<
      typeof undiciFetch
    >[1])) as unknown as typeof globalThis.fetch;
  const headers = { Authorization: `Bearer ${token}` };
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers }, fetch });
  const client = new Client({ name: 'tunneld-test', version: '1.0.0' });
  try {
    await client.connect(transport as Transport);
    return (await client.listTools()).tools.map(({ name }) => name);
  } finally {
    await client.close();
    await dispatcher.close();
  }
}
