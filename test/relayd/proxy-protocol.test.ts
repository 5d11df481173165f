import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseNetworks } from '../../src/relayd/settings/networks.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { freePort } from '../helpers/free-port.ts';
import { startHaproxy } from '../helpers/front-proxy.ts';
import { describeWithPrograms } from '../helpers/installed-program.ts';
import { proxyV2 } from '../helpers/proxy-v2.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { answers, RawClient } from '../http1/raw-client.ts';
import { startTestRelay } from './harness.ts';

const V1 = 'PROXY TCP4 203.0.113.7 192.0.2.1 54321 443\r\n';
const V2 = proxyV2(0x21, 0x11, [203, 0, 113, 7, 192, 0, 2, 1, 0xd4, 0x31, 1, 0xbb]).toString('latin1');
const ask = (more = '') => `GET /mcp HTTP/1.1\r\nHost: figma.tunnel.test\r\n${more}\r\n`;
const FORWARDED = 'X-Forwarded-For: 6.6.6.6\r\n';

const trusted = parseNetworks(['127.0.0.0/8']);
const limits = { requestsPerAddress: 0, requestsPerTunnel: 0, connectionsPerAddress: 256 };

/** The test's own agent comes through no proxy: its address is one that is not trusted. */
async function behindBalancer(settings: Parameters<typeof startTestRelay>[0] = {}) {
  const relay = await startTestRelay({
    host: '::',
    trustedProxies: trusted,
    proxyProtocol: true,
    ...settings,
  });
  await relay.link('figma', { relayUrl: new URL(`http://[::1]:${relay.port}`) });
  return relay;
}

async function seenBy(client: RawClient): Promise<unknown> {
  const text = await client.until('"peer"');
  expect(answers(text)).toBe(1);
  await waitFor(() => client.received.endsWith('}}'));
  return JSON.parse(client.received.slice(client.received.indexOf('{'))).peer.address;
}

describe('a connection of a trusted proxy', () => {
  it.each([
    ['version 1', V1],
    ['version 2', V2],
  ])('is of whom its PROXY header names, and X-Forwarded-For means nothing: %s', async (_, header) => {
    const relay = await behindBalancer();
    const client = new RawClient(relay.port);
    client.send(`${header}${ask(FORWARDED)}`);
    expect(await seenBy(client)).toBe('203.0.113.7');
    expect(relay.logged().at(-1)).toMatchObject({ client: '203.0.113.7' });
    await client.close();
  });

  it.each([
    ['version 1', V1],
    ['version 2', V2],
  ])('is read byte by byte too: %s', async (_, header) => {
    const relay = await behindBalancer();
    const client = new RawClient(relay.port);
    for (const byte of `${header}${ask()}`) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await seenBy(client)).toBe('203.0.113.7');
    await client.close();
  });

  it.each([
    ['no header', ask()],
    ['half a header', `PROXY TCP4 ${ask()}`],
    ['TLS', '\x16\x03\x01\x02\x00\x01'],
  ])('is refused with %s', async (_, bytes) => {
    const relay = await behindBalancer();
    const client = new RawClient(relay.port);
    client.send(bytes);
    expect(await client.untilEnd()).toBe('');
    expect(relay.logged().at(-1)).toMatchObject({ proxy: '127.0.0.1' });
  });

  it.each([
    ['UNKNOWN', 'PROXY UNKNOWN\r\n'],
    ['LOCAL', proxyV2(0x20, 0, []).toString('latin1')],
  ])('that names nobody is the proxy’s, and X-Forwarded-For means nothing: %s', async (_, header) => {
    const relay = await behindBalancer();
    const client = new RawClient(relay.port);
    client.send(`${header}${ask(FORWARDED)}`);
    expect(await seenBy(client)).toBe('127.0.0.1');
    await client.close();
  });

  it('may be of another trusted proxy, whose X-Forwarded-For counts', async () => {
    const relay = await behindBalancer({ trustedProxies: parseNetworks(['127.0.0.1', '203.0.113.7']) });
    const client = new RawClient(relay.port);
    client.send(`${V1}${ask(FORWARDED)}`);
    expect(await seenBy(client)).toBe('6.6.6.6');
    await client.close();
  });

  it.each(['https', 'http'])('speaks with its visitor as the public URL says: %s', async (scheme) => {
    const relay = await behindBalancer({ publicUrl: new URL(`${scheme}://tunnel.test`) });
    const client = new RawClient(relay.port);
    client.send(`${V1}${ask()}`);
    expect(await client.until('"scheme"')).toContain(`"scheme":"${scheme}"`);
    await client.close();
    const direct = new RawClient(relay.port, '::1');
    direct.send(ask());
    expect(await direct.until('"scheme"')).toContain('"scheme":"http"');
    await direct.close();
  });

  it('counts for the limits of the address it is of', async () => {
    const relay = await behindBalancer({ limits: { ...limits, connectionsPerAddress: 2 } });
    const clients = [1, 2].map(() => new RawClient(relay.port));
    for (const client of clients) {
      client.send(`${V1}${ask()}`);
      await client.until('"peer"');
    }
    const third = new RawClient(relay.port);
    third.send(`${V1}${ask()}`);
    expect(await third.until('\r\n\r\n')).toContain(' 429 ');
    const other = new RawClient(relay.port);
    other.send(`${V1.replace('.7 ', '.8 ')}${ask()}`);
    await other.until('"peer"');
    await Promise.all([...clients, third, other].map((client) => client.close()));
  });
});

it('a connection of anybody else has no PROXY header to be believed', async () => {
  const relay = await behindBalancer();
  const liar = new RawClient(relay.port, '::1');
  liar.send(`${V1}${ask()}`);
  expect(await liar.untilEnd()).toContain(' 400 ');
  const honest = new RawClient(relay.port, '::1');
  honest.send(ask());
  expect(await seenBy(honest)).toBe('::1');
  await Promise.all([liar.close(), honest.close()]);
});

it('without the option a PROXY header is no request', async () => {
  const relay = await startTestRelay({ trustedProxies: trusted });
  const client = new RawClient(relay.port);
  client.send(`${V1}${ask()}`);
  expect(await client.untilEnd()).toContain(' 400 ');
  await client.close();
});

describe('over TLS', () => {
  const withTls = async (settings: Parameters<typeof startTestRelay>[0] = {}) => {
    const folder = tempFolder();
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const { cert, key } = makeCertificate();
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
    return startTestRelay({ tls: files, ...settings });
  };

  it.each([
    ['in one piece', 0],
    ['with the handshake right behind it', 1],
  ])('the PROXY header comes before the handshake, %s', async (_, joined) => {
    const relay = await withTls({ trustedProxies: trusted, proxyProtocol: true });
    const raw = connect(relay.port, '127.0.0.1');
    if (joined === 1) raw.cork();
    raw.write(V2, 'latin1');
    const client = connectTls({ socket: raw, rejectUnauthorized: false });
    if (joined === 1) setImmediate(() => raw.uncork());
    client.write('GET / HTTP/1.1\r\nHost: tunnel.test\r\n\r\n');
    let text = '';
    client.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    await waitFor(() => text.includes('This is a tunneld relay'));
    expect(relay.logged().at(-1)).toMatchObject({ client: '203.0.113.7', status: 200 });
    client.destroy();
  });

  it('connections are counted from before the handshake to their end', async () => {
    const relay = await withTls({ limits: { ...limits, connectionsPerAddress: 1 } });
    const open = () => {
      const client = connectTls({ port: relay.port, host: '127.0.0.1', rejectUnauthorized: false });
      client.on('error', () => {});
      client.write('GET / HTTP/1.1\r\nHost: tunnel.test\r\n\r\n');
      return new Promise<string>((resolve) => {
        client.once('data', (bytes: Buffer) => resolve(`${bytes.toString('latin1').slice(9, 12)}`));
        client.once('close', () => resolve('closed'));
      }).finally(() => client.destroy());
    };
    const silent = [1, 2].map(() => connect(relay.port, '127.0.0.1'));
    await waitFor(async () => (await open()) === 'closed');
    silent[0]?.resetAndDestroy();
    await waitFor(async () => (await open()) === '429');
    silent[1]?.resetAndDestroy();
    await waitFor(async () => (await open()) === '200');
    expect(await open()).toBe('200');
  });
});

describeWithPrograms('HAProxy in front', ['haproxy'], () => {
  it.each(['send-proxy', 'send-proxy-v2'])('says whose connection it is: %s', async (option) => {
    const relay = await behindBalancer();
    const port = await freePort();
    const config = `defaults
      mode tcp
      timeout connect 5s
      timeout client 5s
      timeout server 5s
    listen relay
      bind 127.0.0.1:${port}
      server relay 127.0.0.1:${relay.port} ${option}\n`;
    const haproxy = await startHaproxy({ folder: tempFolder(), port, config });
    onTestFinished(() => haproxy.stop());
    const link = await relay.link('linked', { relayUrl: new URL(`http://127.0.0.1:${port}`) });
    expect(link.publicUrl.href).toBe('http://linked.tunnel.test/');
    const visitor = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.9' });
    let text = '';
    visitor.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    visitor.write(ask());
    await waitFor(() => text.includes('"address":"127.0.0.9"'));
    visitor.destroy();
  });
});
