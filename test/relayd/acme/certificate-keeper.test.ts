import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type SecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/core/log.ts';
import { CertificateKeeper } from '../../../src/relayd/acme/certificate-keeper.ts';
import { makeCertificate } from '../../helpers/certificate.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const DOMAIN = 'tunnel.test';

/** A keeper whose authority does what the test says, with certificates of 90 days. */
function keeper({ stored = {} as Record<string, string>, random = 0 } = {}) {
  const clock = new FakeClock();
  const issued: { readonly host: string; readonly pem: string }[] = [];
  const asked: { readonly host: string; readonly at: number }[] = [];
  const logged: Record<string, unknown>[] = [];
  const own: (string | undefined)[] = [];
  const saved = new Map(Object.entries(stored));
  const world = {
    served: new Set([DOMAIN]),
    failing: false,
    owners: new Map<string, string>(),
    /** Orders wait for it. */
    gate: Promise.resolve(),
  };
  const made = new CertificateKeeper({
    issuer: {
      async issue(host) {
        asked.push({ host, at: clock.monotonic() });
        await world.gate;
        if (world.failing) throw new Error('the authority did not reach this relay');
        const pem = pemFor(host, clock.now());
        issued.push({ host, pem });
        return pem;
      },
    },
    store: {
      certificate: (host) => saved.get(host),
      saveCertificate: (host, pem) => void saved.set(host, pem),
    },
    domain: DOMAIN,
    serves: (host) => world.served.has(host),
    ownerOf: (host) => world.owners.get(host),
    onOwn: (problem) => void own.push(problem?.code),
    clock,
    random: () => random,
    log: createLogger('info', { write: (line) => void logged.push(JSON.parse(line)) }),
  });
  return { keeper: made, clock, issued, asked, logged, own, saved, world };
}

function pemFor(host: string, now: number, days = 90): string {
  const { key, cert } = makeCertificate([host], { from: now, to: now + days * DAY });
  return `${key}${cert}`;
}

describe('the keeper of certificates', () => {
  it('has one for the relay from the start, and keeps it', async () => {
    const { keeper: made, clock, issued, saved } = keeper();
    made.start();
    await clock.advance(0);
    expect(issued.map(({ host }) => host)).toEqual([DOMAIN]);
    expect(saved.get(DOMAIN)).toBe(issued[0]?.pem);
    expect(await shownBy(await made.contextFor(DOMAIN))).toBe(fingerprint(issued[0]?.pem));
    made.stop();
    expect(clock.pending).toBe(0);
  });

  it('orders nothing that it finds in the store', async () => {
    const pem = pemFor(DOMAIN, new FakeClock().now());
    const { keeper: made, clock, asked } = keeper({ stored: { [DOMAIN]: pem } });
    made.start();
    await clock.advance(0);
    expect(await shownBy(await made.contextFor('Tunnel.TEST'))).toBe(fingerprint(pem));
    expect(asked).toEqual([]);
    made.stop();
  });

  const now = new FakeClock().now();
  it.each([
    ['of another host', pemFor('other.test', now)],
    ['with the key of another', `${makeCertificate([DOMAIN]).key}${makeCertificate([DOMAIN]).cert}`],
    ['that is no certificate', 'half of it'],
    ['that ran out', pemFor(DOMAIN, now - 91 * DAY)],
  ])('orders anew in place of one %s', async (_, pem) => {
    const { keeper: made, clock, issued } = keeper({ stored: { [DOMAIN]: pem } });
    made.start();
    await clock.advance(0);
    expect(await shownBy(await made.contextFor(DOMAIN))).toBe(fingerprint(issued[0]?.pem));
    made.stop();
  });

  it('orders one for a tunnel when a visitor asks, once for all who ask meanwhile', async () => {
    const { keeper: made, issued, asked, world } = keeper();
    world.served.add('figma.tunnel.test');
    const contexts = await Promise.all([1, 2, 3].map(() => made.contextFor('figma.tunnel.test')));
    expect(asked.map(({ host }) => host)).toEqual(['figma.tunnel.test']);
    for (const context of contexts) expect(await shownBy(context)).toBe(fingerprint(issued[0]?.pem));
  });

  it('orders none for a name that nobody serves', async () => {
    const { keeper: made, asked } = keeper();
    expect(await made.contextFor('nobody.tunnel.test')).toBeUndefined();
    expect(await made.contextFor('evil.example')).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it.each([
    [0, 60],
    [1, 55.5],
  ])('renews with a third of the life left, jitter %s: after %s days', async (random, days) => {
    const { keeper: made, clock, issued } = keeper({ random });
    made.start();
    await clock.advance(days * DAY - 2 * HOUR);
    expect(issued).toHaveLength(1);
    await clock.advance(4 * HOUR);
    expect(issued).toHaveLength(2);
    expect(await shownBy(await made.contextFor(DOMAIN))).toBe(fingerprint(issued[1]?.pem));
    made.stop();
  });

  it('renews for no tunnel that is gone, and has its certificate when it is back', async () => {
    const { keeper: made, clock, asked, issued, world } = keeper();
    made.start();
    world.served.add('figma.tunnel.test');
    await made.contextFor('figma.tunnel.test');
    world.served.delete('figma.tunnel.test');
    await clock.advance(65 * DAY);
    expect(asked.filter(({ host }) => host !== DOMAIN)).toHaveLength(1);
    world.served.add('figma.tunnel.test');
    const pem = issued.find(({ host }) => host !== DOMAIN)?.pem;
    expect(await shownBy(await made.contextFor('figma.tunnel.test'))).toBe(fingerprint(pem));
    made.stop();
  });

  it('shows the old one while the renewal fails, tries less and less often, and says what to do', async () => {
    const { keeper: made, clock, asked, issued, logged, own, world } = keeper();
    made.start();
    await clock.advance(59 * DAY);
    world.failing = true;
    await clock.advance(3 * DAY);
    expect(await shownBy(await made.contextFor(DOMAIN))).toBe(fingerprint(issued[0]?.pem));
    const waits = asked.slice(1).map(({ at }, index, all) => at - (all[index - 1]?.at ?? at));
    expect(waits.slice(1, 7)).toEqual([5, 10, 20, 40, 80, 160].map((minutes) => minutes * 60_000));
    expect(Math.max(...waits)).toBeLessThanOrEqual(DAY);
    expect(logged.find(({ level }) => level === 'warn')).toMatchObject({
      host: DOMAIN,
      code: 'CERTIFICATE_FAILED',
      remedy: expect.stringContaining('port 443'),
      msg: expect.stringContaining('did not reach this relay'),
    });
    world.failing = false;
    expect(own.at(-1)).toBe('CERTIFICATE_FAILED');
    await clock.advance(2 * DAY);
    expect(own.at(-1)).toBeUndefined();
    expect(await shownBy(await made.contextFor(DOMAIN))).toBe(fingerprint(issued[1]?.pem));
    made.stop();
  });

  it('shows one that ran out rather than none', async () => {
    const { keeper: made, clock, issued, world } = keeper();
    made.start();
    await clock.advance(0);
    world.failing = true;
    await clock.advance(91 * DAY);
    expect(await shownBy(await made.contextFor(DOMAIN))).toBe(fingerprint(issued[0]?.pem));
    made.stop();
  });

  it('lets no visitor hurry an order that failed', async () => {
    const { keeper: made, clock, asked, world } = keeper();
    world.served.add('figma.tunnel.test');
    world.failing = true;
    await made.contextFor('figma.tunnel.test');
    await made.contextFor('figma.tunnel.test');
    await clock.advance(5 * 60_000 - 1);
    expect(await made.contextFor('figma.tunnel.test')).toBeUndefined();
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    world.failing = false;
    expect(await made.contextFor('figma.tunnel.test')).toBeDefined();
  });

  it('orders at most 15 of them for one owner, so that some are left for others', async () => {
    const { keeper: made, asked, world } = keeper();
    for (let host = 0; host < 20; host++) {
      world.served.add(`a${host}.tunnel.test`).add(`b${host}.tunnel.test`);
      world.owners.set(`a${host}.tunnel.test`, 'alice').set(`b${host}.tunnel.test`, 'bob');
    }
    for (let host = 0; host < 20; host++) await made.contextFor(`a${host}.tunnel.test`);
    expect(asked).toHaveLength(15);
    for (let host = 0; host < 20; host++) await made.contextFor(`b${host}.tunnel.test`);
    expect(asked.filter(({ host }) => host.startsWith('b'))).toHaveLength(5);
  });

  it('orders at most 20 for new names in an hour, and 4 at once', async () => {
    const { keeper: made, clock, asked, logged, world } = keeper();
    const hosts = Array.from({ length: 30 }, (_, index) => `t${index}.tunnel.test`);
    for (const host of hosts) world.served.add(host);
    let open = () => {};
    world.gate = new Promise((resolve) => {
      open = resolve;
    });
    const first = Promise.all(hosts.slice(0, 6).map((host) => made.contextFor(host)));
    await clock.advance(0);
    expect(asked).toHaveLength(4);
    open();
    await first;
    for (const host of hosts) await made.contextFor(host);
    expect(asked).toHaveLength(20);
    // However often visitors come.
    expect(logged.filter(({ msg }) => String(msg).includes('too many new names'))).toHaveLength(1);
    await clock.advance(HOUR);
    for (const host of hosts) expect(await made.contextFor(host)).toBeDefined();
    expect(asked).toHaveLength(30);
  });

  it('goes on with a certificate that the disk would not take', async () => {
    const { keeper: made, issued, logged, world, saved } = keeper();
    saved.set = () => {
      throw new Error('no space left on device');
    };
    world.served.add('figma.tunnel.test');
    const context = await made.contextFor('figma.tunnel.test');
    expect(await shownBy(context)).toBe(fingerprint(issued[0]?.pem));
    expect(logged.at(-1)).toMatchObject({ level: 'warn', msg: 'certificate not kept on disk' });
  });
});

function fingerprint(pem: string | undefined): string {
  return new X509Certificate(pem ?? '').fingerprint256;
}

/** What a visitor gets to see. */
async function shownBy(context: SecureContext | undefined): Promise<string> {
  const server = createServer({ SNICallback: (_, done) => done(null, context) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const visitor = connect({ port, host: '127.0.0.1', servername: 'any.test', rejectUnauthorized: false });
  await once(visitor, 'secureConnect');
  const shown = visitor.getPeerCertificate().fingerprint256;
  visitor.destroy();
  server.close();
  return shown;
}
