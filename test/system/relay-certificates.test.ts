import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { describeWithPrograms } from '../helpers/installed-program.ts';
import { startDualEra } from '../helpers/mcp-servers.ts';
import { PEBBLE_PROGRAMS, startPebble } from '../helpers/pebble.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const NAMES = new URL('../helpers/programs/loopback-names.mjs', import.meta.url).href;
const DOMAIN = 'tunnel.localhost';

describeWithPrograms('a relay with certificates of its own ordering', PEBBLE_PROGRAMS, () => {
  it('serves a tunnel whose own name is certified too, and sends visitors without TLS there', async () => {
    const pebble = await startPebble();
    await using home = await Tunneld.create();
    await using server = await startDualEra();
    const file = (name: string, text = '') => {
      writeFileSync(join(home.folder, name), text, { mode: 0o600 });
      return join(home.folder, name);
    };
    const line = (await home.spawn(['relay-token', 'new', 'figma'])).stdout.trim();
    const origin = `https://${DOMAIN}:${pebble.tlsPort}`;
    const args = [
      ...['--public-url', origin, '--host', '127.0.0.1', '--port', String(pebble.tlsPort)],
      ...['--acme', '--acme-email', 'ops@example.com', '--acme-directory', pebble.directory.href],
      ...['--redirect-port', String(pebble.httpPort), '--admin-port', '0'],
      ...['--static-token', `file:${file('tokens', line)}`],
    ];
    const relay = spawn(process.execPath, [MAIN, 'relay', ...args], {
      env: { ...home.env, NODE_EXTRA_CA_CERTS: file('authority.pem', pebble.cert) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void relay.kill('SIGKILL'));
    let written = '';
    relay.stdout.setEncoding('utf8').on('data', (text: string) => {
      written += text;
    });
    await waitFor(() => written.includes('"certificate issued"'), {
      timeoutMs: 30_000,
      what: 'a certificate',
    });

    const env = { NODE_EXTRA_CA_CERTS: file('root.pem', pebble.root), NODE_OPTIONS: `--import=${NAMES}` };
    Object.assign(home.env, env);
    const token = `file:${file('token', line.split(':')[0])}`;
    const port = String(server.port);
    const access = await home.up('figma', '--port', port, '--relay', origin, '--relay-token', token);
    expect(access.url.href).toBe(`https://figma.${DOMAIN}:${pebble.tlsPort}/mcp`);

    const host = `figma.${DOMAIN}:${pebble.httpPort}`;
    const plain = get({ host: '127.0.0.1', port: pebble.httpPort, path: '/mcp', headers: { host } });
    const [answer] = (await once(plain, 'response')) as [IncomingMessage];
    answer.resume();
    expect([answer.statusCode, answer.headers.location]).toEqual([308, access.url.href]);

    relay.kill('SIGTERM');
    expect(await once(relay, 'exit')).toEqual([0, null]);
  });
});
