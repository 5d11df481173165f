import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { freePort } from '../helpers/free-port.ts';
import { startDualEra } from '../helpers/mcp-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

interface RelayProcess {
  readonly child: ChildProcess;
  /** Everything it wrote. */
  written(): string;
  says(text: string): Promise<unknown>;
}

function startRelay(env: Readonly<Record<string, string>>, file: string): RelayProcess {
  const child = spawn(process.execPath, [MAIN, 'relay', '--config', file], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      written += text;
    });
  }
  const says = (text: string) =>
    waitFor(
      () => {
        if (child.exitCode !== null) throw new Error(`the relay ended: ${written}`);
        return written.includes(text);
      },
      { timeoutMs: 20_000, what: `"${text}" in the relay's log` },
    );
  return { child, written: () => written, says };
}

function onSocket(socketPath: string, method: string, to: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, method, path: to, headers: { host: 'localhost' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    asking.on('error', reject).end();
  });
}

it('a relay is run by its operator: checked, told apart, reloaded, a token taken back, ended', async () => {
  await using home = await Tunneld.create();
  const file = (name: string) => path.join(home.folder, name);
  const [port, adminSocket] = [await freePort(), file('admin.sock')];
  const settings = (...more: readonly string[]) =>
    writeFile(
      file('relay.yaml'),
      [
        `publicUrl: http://127.0.0.1:${port}`,
        `port: ${port}`,
        'host: 127.0.0.1',
        'routing: path',
        'adminPort: 0',
        `adminSocket: ${adminSocket}`,
        `staticToken: file:${file('tokens')}`,
        ...more,
      ].join('\n'),
      { mode: 0o600 },
    );
  const tokens = (...lines: readonly string[]) =>
    writeFile(file('tokens'), lines.join('\n'), { mode: 0o600 });
  await settings();
  await tokens('alice-token-4711:alice', 'bob-token-4711:bob');
  await writeFile(file('alice'), 'alice-token-4711', { mode: 0o600 });

  // systemd's side of the notification.
  await writeFile(file('systemd-notify'), `#!/bin/sh\nshift\necho "$*" >>${file('told')}\n`);
  await chmod(file('systemd-notify'), 0o755);
  const told = () => readFile(file('told'), 'utf8').catch(() => '');
  const PATH = `${home.folder}:${home.env['PATH']}`;

  expect(await home.ok('relay', 'check', '--config', file('relay.yaml'))).toContain(
    'ok    auth      2 tokens',
  );
  const relay = startRelay({ ...home.env, PATH, NOTIFY_SOCKET: '/run/none' }, file('relay.yaml'));
  await relay.says('relay started');
  expect(await home.ok('relay', 'check', '--config', file('relay.yaml'))).toContain('a relay runs already');

  await using server = await startDualEra();
  const url = `http://127.0.0.1:${port}`;
  const relayOptions = ['--relay', url, '--relay-token', `file:${file('alice')}`];
  await home.up('figma', '--port', String(server.port), ...relayOptions);
  expect(JSON.parse(await onSocket(adminSocket, 'GET', '/tunnels'))).toMatchObject({
    tunnels: [{ name: 'alice', dialect: 'tunneld', address: '127.0.0.1' }],
  });

  await settings('ratePerAddress: 5', 'maxRequestBody: lots');
  relay.child.kill('SIGHUP');
  await relay.says('configuration not read again');
  await settings('ratePerAddress: 500', 'logSample: 1/2');
  relay.child.kill('SIGHUP');
  await relay.says('settings read again');
  expect((await home.status('figma')).state).toBe('up');

  await tokens('bob-token-4711:bob');
  const failed = await waitFor(
    async () => {
      const status = await home.status('figma');
      return status.state === 'failed' ? status : undefined;
    },
    { timeoutMs: 20_000, what: 'the end of the tunnel' },
  );
  expect(JSON.stringify(failed)).toContain('RELAY_DISMISSED');
  expect(JSON.parse(await onSocket(adminSocket, 'GET', '/tunnels'))).toMatchObject({ tunnels: [] });

  relay.child.kill('SIGTERM');
  const [code] = await once(relay.child, 'exit');
  expect(code).toBe(0);
  const words = await waitFor(async () => {
    const text = await told();
    return text.includes('STOPPING=1') ? text : undefined;
  });
  expect(words.split('\n').map((line) => line.split(' ')[0])).toEqual([
    'READY=1',
    'RELOADING=1',
    'READY=1',
    'RELOADING=1',
    'READY=1',
    'STOPPING=1',
    '',
  ]);
  expect(relay.written()).not.toContain('token-4711');
});
