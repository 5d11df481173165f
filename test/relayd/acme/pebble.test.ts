import { X509Certificate } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import type { RelaySettings } from '../../../src/relayd/settings/relay-settings.ts';
import { freePort } from '../../helpers/free-port.ts';
import { describeWithPrograms } from '../../helpers/installed-program.ts';
import { PEBBLE_PROGRAMS, type Pebble, startPebble } from '../../helpers/pebble.ts';
import { tempFolder } from '../../helpers/temp-folder.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { type RelayUnderTest, startTestRelay } from '../harness.ts';

const SOON = { timeoutMs: 30_000 };

describeWithPrograms('certificates from an authority', PEBBLE_PROGRAMS, () => {
  it.each([
    ['http-01', (pebble: Pebble) => ({ redirectPort: pebble.httpPort })],
    ['tls-alpn-01', () => ({})],
  ])('are there for the relay at its start, and for a tunnel when it is visited: %s', async (_, more) => {
    const pebble = await startPebble();
    const { relay, folder } = await startWithAcme(pebble, more(pebble));
    const own = await waitFor(() => certificateOf(relay, 'tunnel.test'), SOON);
    expect(own.issuer).toContain('Pebble');
    expect(own.checkHost('tunnel.test')).toBe('tunnel.test');

    await relay.link('figma', { relayUrl: await withoutTls(relay) });
    const tunnel = await waitFor(() => certificateOf(relay, 'figma.tunnel.test'), SOON);
    expect(tunnel.checkHost('figma.tunnel.test')).toBe('figma.tunnel.test');
    expect(tunnel.checkHost('tunnel.test')).toBeUndefined();
    expect(await visit(relay, 'figma.tunnel.test')).toContain('"scheme":"https"');

    expect(await certificateOf(relay, 'nobody.tunnel.test')).toBeUndefined();
    expect(await certificateOf(relay, 'evil.example')).toBeUndefined();
    const files = readdirSync(folder).sort();
    expect(files).toEqual([expect.stringMatching(/^account_/), 'figma.tunnel.test.pem', 'tunnel.test.pem']);
    for (const file of files) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  });

  it('outlive the process, and the authority', async () => {
    const pebble = await startPebble();
    const { relay, folder } = await startWithAcme(pebble);
    const before = await waitFor(() => certificateOf(relay, 'tunnel.test'), SOON);
    await relay.stop();
    const directory = new URL(`https://127.0.0.1:${await freePort()}/dir`);
    const again = await startWithAcme(pebble, { acme: { directory, email: undefined, folder } });
    const after = await waitFor(() => certificateOf(again.relay, 'tunnel.test'), SOON);
    expect(after.fingerprint256).toBe(before.fingerprint256);
  });

  it('that cannot be had are complained about, with what to do', async () => {
    const pebble = await startPebble();
    const { relay } = await startWithAcme(pebble, { redirectPort: await freePort() });
    const complaint = await waitFor(() => relay.logged().find(({ code }) => code === 'CERTIFICATE_FAILED'), {
      timeoutMs: 50_000,
    });
    expect(complaint).toMatchObject({ host: 'tunnel.test', remedy: expect.stringContaining('port 80') });
    expect(await certificateOf(relay, 'tunnel.test')).toBeUndefined();
  });
});

async function startWithAcme(pebble: Pebble, more: Partial<RelaySettings> = {}) {
  const folder = join(tempFolder(), 'certificates');
  const relay = await startTestRelay({
    port: pebble.tlsPort,
    publicUrl: new URL('https://tunnel.test'),
    acme: { directory: pebble.directory, email: 'ops@tunnel.test', folder },
    ...more,
  });
  return { relay, folder };
}

/** Undefined while the relay has none for this name. */
function certificateOf(relay: RelayUnderTest, servername: string): Promise<X509Certificate | undefined> {
  return new Promise((resolve) => {
    const to = { port: relay.port, host: '127.0.0.1', servername, rejectUnauthorized: false };
    const socket = connect(to, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw));
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
  });
}

/** A way to the relay for an agent that does not know the authority. */
async function withoutTls(relay: RelayUnderTest): Promise<URL> {
  const server = createServer((near) => {
    const to = { port: relay.port, host: '127.0.0.1', servername: 'tunnel.test', rejectUnauthorized: false };
    const far = connect(to);
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy()).on('close', () => far.destroy());
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function visit(relay: RelayUnderTest, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: relay.port,
      servername: host,
      headers: { host },
      agent: false,
    };
    const visitor = request({ ...options, rejectUnauthorized: false }, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve(text);
    });
    visitor.on('error', reject).end();
  });
}
