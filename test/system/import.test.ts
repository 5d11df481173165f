import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWithEngine, SSH_IMAGE } from '../helpers/docker-engine.ts';
import { startDualEra, type TestServer } from '../helpers/mcp-servers.ts';
import { makeToken, PinggyEdge } from '../helpers/pinggy-edge.ts';
import { Tunneld } from '../helpers/tunneld.ts';

const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
});

let home: Tunneld;
let server: TestServer;
/** The key that the clients have: it has to go on working. */
let key: string;

beforeEach(async () => {
  home = await Tunneld.create('# mine\ntunnels: {}\n');
  server = await startDualEra();
  key = randomBytes(32).toString('hex');
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
  await server.stop();
});

it('brings up what a .env says, and clients go on with the key they have', async () => {
  writeFileSync(path.join(home.folder, '.env'), `export ACCESS_TOKEN="${key}" # of the clients\r\n`);
  await home.ok('import', '.env', '--name', 'notes', '--provider', 'relay', '--port', String(server.port));
  expect(await home.ok('config', 'check')).toContain('1 tunnel');
  const { url, token } = await home.up('notes');
  expect(token).toBe(key);
  expect(await statusOf(url, key)).toBe(200);
  expect(await statusOf(url, 'another-key-0123456789')).toBe(401);
});

it('brings up the server of a Supergateway line while the daemon runs, by itself', async () => {
  await home.ok('daemon', 'start');
  const url = `http://127.0.0.1:${server.port}/mcp`;
  await home.ok('import', 'npx', '-y', 'supergateway', '--streamableHttp', url, '--outputTransport', 'stdio');
  const name = `mcp-${server.port}`;
  await home.until(name, ({ health }) => health.verdict === 'healthy');
  const access = await home.access(name);
  expect(await statusOf(access.url, access.token)).toBe(200);
});

it('starts the server of a Supergateway line itself, with its variables', async () => {
  const program = fileURLToPath(
    new URL('../../node_modules/@modelcontextprotocol/server-everything/dist/index.js', import.meta.url),
  );
  const line = `SERVER_KEY=${key} npx -y supergateway --stdio "${process.execPath} ${program} stdio" --port 8000`;
  await home.ok('import', '--name', 'everything', line);
  expect(await home.ok('config', 'check')).toContain('1 tunnel');
  expect(readFileSync(home.configFile, 'utf8')).not.toContain(key);
  const { url, token } = await home.up('everything');
  expect(await statusOf(url, token)).toBe(200);
});

describeWithEngine("the guide's line for Pinggy", (engine) => {
  let edge: PinggyEdge;
  let pinggyToken: string;

  beforeEach(async () => {
    edge = await PinggyEdge.start();
    pinggyToken = makeToken();
    const ca = path.join(home.folder, 'edge.pem');
    writeFileSync(ca, edge.certificate.cert);
    Object.assign(home.env, engine().env, { NODE_EXTRA_CA_CERTS: ca });
  });

  afterEach(async () => {
    await home.run('daemon', 'stop');
    await edge[Symbol.asyncDispose]();
    for (const { Id } of await engine().containers())
      await engine().docker.getContainer(Id).remove({ force: true });
  });

  it('is up after `import` and `up`: same server, same token, same key', async () => {
    const line =
      `docker run --name my-tunnel -d --restart unless-stopped --net=host -it ${SSH_IMAGE} -p ${edge.port} ` +
      `-R0:127.0.0.1:${server.port} -o ServerAliveInterval=30 -t ${pinggyToken}+force@127.0.0.1 ` +
      `k:${key} x:https x:xff a:Host:localhost:${server.port}`;
    const printed = await home.ok('import', line);
    expect(await home.ok('config', 'check')).toContain('1 tunnel');
    expect(readFileSync(home.configFile, 'utf8')).toContain('# mine');

    const { url, token } = await home.up('my-tunnel');
    expect(token).toBe(key);
    expect(url.origin).toBe(new URL(edge.logins[0]?.publicUrl ?? '').origin);
    expect(await statusOf(url, key, edge.certificate.cert)).toBe(200);
    expect(await statusOf(url, 'another-key-0123456789', edge.certificate.cert)).toBe(401);

    const said = printed + (await home.ok('inspect', 'my-tunnel')) + (await home.ok('config', 'show'));
    for (const secret of [key, pinggyToken]) {
      expect(said).not.toContain(secret);
      expect(readFileSync(home.configFile, 'utf8')).not.toContain(secret);
    }
    await home.ok('down', 'my-tunnel');
  });
});

async function statusOf(url: URL, token: string, ca?: string): Promise<number> {
  const dispatcher = new Agent(ca === undefined ? {} : { connect: { ca } });
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const response = await undiciFetch(url, { method: 'POST', headers, body: INITIALIZE, dispatcher });
  await response.text();
  await dispatcher.close();
  return response.status;
}
