import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { makeCertificate } from '../helpers/certificate.ts';
import { freePort } from '../helpers/free-port.ts';
import { startDualEra } from '../helpers/mcp-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

it('a tunnel goes through a relay in another process, over TLS, and strangers do not', async () => {
  await using home = await Tunneld.create();
  const { key, cert } = makeCertificate();
  const file = (name: string) => path.join(home.folder, name);
  await writeFile(file('key.pem'), key);
  await writeFile(file('cert.pem'), cert);
  const line = (await home.spawn(['relay-token', 'new', 'shared'])).stdout.trim();
  await writeFile(file('tokens'), line, { mode: 0o600 });
  await writeFile(file('token'), line.split(':')[0] ?? '', { mode: 0o600 });
  const port = await freePort();
  const url = `https://localhost:${port}`;
  const relay = await startRelay(home.env, [
    ...['--routing', 'path', '--public-url', url, '--port', String(port), '--host', '127.0.0.1'],
    ...['--static-token', `file:${file('tokens')}`, '--admin-port', '0'],
    ...['--tls-cert', file('cert.pem'), '--tls-key', file('key.pem')],
  ]);
  home.env['NODE_EXTRA_CA_CERTS'] = file('cert.pem');
  await using server = await startDualEra();

  const relayOptions = ['--relay', url, '--relay-token', `file:${file('token')}`];
  const access = await home.up('figma', '--port', String(server.port), ...relayOptions);
  expect(access.url.href).toBe(`${url}/shared/mcp`);

  const stranger = await answerOf(access.url, cert, {});
  expect(stranger).toMatchObject({ status: 401, refusedBy: 'no-token' });
  const owner = await answerOf(access.url, cert, { 'x-api-key': access.token });
  expect(owner.refusedBy).toBeUndefined();

  await home.ok('token', 'rotate', 'figma', '--grace', '0s');
  const old = await waitFor(async () => {
    const answer = await answerOf(access.url, cert, { 'x-api-key': access.token });
    return answer.refusedBy === undefined ? undefined : answer;
  });
  expect(old).toMatchObject({ status: 401, refusedBy: 'wrong-token' });

  relay.kill('SIGTERM');
  const [code] = await once(relay, 'exit');
  expect(code).toBe(0);
});

async function startRelay(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [MAIN, 'relay', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      written += text;
    });
  }
  await waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(`the relay ended: ${written}`);
      return written.includes('relay started');
    },
    { timeoutMs: 20_000, what: 'the start of the relay' },
  );
  return child;
}

function answerOf(
  url: URL,
  ca: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number | undefined; refusedBy: string | string[] | undefined }> {
  return new Promise((resolve, reject) => {
    get(url, { headers, agent: new Agent({ ca, keepAlive: false }) }, (response) => {
      response.resume();
      resolve({ status: response.statusCode, refusedBy: response.headers['x-tunneld-relay'] });
      response.destroy();
    }).on('error', reject);
  });
}
