import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startBearerShim } from '../helpers/bearer-shim.ts';
import { startConformanceServer } from '../helpers/conformance-server.ts';
import { startEverything } from '../helpers/mcp-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';

const SUITE = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);

const STDIO_FIXTURE = fileURLToPath(new URL('../helpers/programs/conformance-stdio.ts', import.meta.url));

test('the MCP conformance suite passes as a whole through a tunnel, as it does directly', async () => {
  await using upstream = await startConformanceServer();
  await using home = await Tunneld.create();
  const { url, token } = await home.up('fixture', '--port', String(upstream.port));
  await using shim = await startBearerShim(url, token);
  const direct = await conformance(upstream.url);
  expect(direct.size).toBe(30);
  expect([...direct.values()].filter((outcome) => !outcome.endsWith(' 0 failed'))).toEqual([]);
  expect([...(await conformance(shim.url))]).toEqual([...direct]);
}, 60_000);

test('a server that fails some of the suite fails the same through a tunnel', async () => {
  await using upstream = await startEverything({ transport: 'streamableHttp' });
  await using home = await Tunneld.create();
  const { url, token } = await home.up('everything', '--port', String(upstream.port));
  await using shim = await startBearerShim(url, token);
  const direct = await conformance(upstream.url);
  const tunnelled = await conformance(shim.url);
  // The one thing a tunnel has to do better: this server lets a rebound Host in, the gateway does not.
  expect(direct.get('dns-rebinding-protection')).toBe('1 passed, 1 failed');
  expect(tunnelled.get('dns-rebinding-protection')).toBe('2 passed, 0 failed');
  direct.delete('dns-rebinding-protection');
  tunnelled.delete('dns-rebinding-protection');
  expect(direct.size).toBe(29);
  expect([...tunnelled]).toEqual([...direct]);
}, 60_000);

test('the same server as a program over stdio has the totals that it has over HTTP', async () => {
  await using upstream = await startConformanceServer();
  await using home = await Tunneld.create();
  // Shared: a process for each of the suite's sessions passes as well, and takes a minute longer to start them.
  const command = [process.execPath, '--import', import.meta.resolve('tsx'), STDIO_FIXTURE];
  const { url, token } = await home.up('fixture', '--process', 'shared', '--', ...command);
  await using shim = await startBearerShim(url, token);
  const direct = await conformance(upstream.url);
  // Streams are looked at only where short calls are answered by them; a bridge answers with JSON.
  direct.set('server-sse-multiple-streams', '1 passed, 0 failed');
  expect([...(await conformance(shim.url))]).toEqual([...direct]);
}, 120_000);

/** Scenario → `N passed, M failed`. */
async function conformance(url: URL): Promise<Map<string, string>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tunneld-conformance-'));
  const args = [SUITE, 'server', '--url', url.href, '--output-dir', folder];
  try {
    const output = await new Promise<string>((resolve) => {
      // It ends with 1 when anything failed, which is what is compared here.
      execFile(process.execPath, args, { timeout: 60_000 }, (_error, stdout) => resolve(stdout));
    });
    const lines = output.matchAll(/^[✓✗] ([\w-]+): (\d+ passed, \d+ failed)$/gm);
    return new Map([...lines].map(([, scenario = '', outcome = '']) => [scenario, outcome]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
