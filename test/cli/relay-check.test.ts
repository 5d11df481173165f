import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CheckReport } from '../../src/cli/doctor/check.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { freePort } from '../helpers/free-port.ts';
import { Console } from './console.ts';

async function userWith(...lines: readonly string[]): Promise<Console> {
  const user = new Console();
  const ports = [`port: ${await freePort()}`, `adminPort: ${await freePort()}`];
  const free = ports.filter((line) => !lines.some((given) => given.startsWith(line.slice(0, 5))));
  const file = join(user.folder, 'relay.yaml');
  writeFileSync(file, [...lines, ...free].join('\n'), { mode: 0o600 });
  user.env['TUNNELD_RELAY_CONFIG'] = file;
  return user;
}

async function check(user: Console): Promise<{ code: number; of(id: string): CheckReport; all: string }> {
  const { code, stdout } = await user.type('relay', 'check', '--json');
  const { checks, ok } = JSON.parse(stdout) as { ok: boolean; checks: readonly CheckReport[] };
  expect(ok).toBe(code === 0);
  return {
    code,
    all: stdout,
    of: (id) => checks.find((report) => report.id === id) ?? expect.unreachable(id),
  };
}

async function listening<T extends net.Server>(server: T): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('tunneld relay check', () => {
  it('finds nothing wrong with a relay that could start, and says what it saw', async () => {
    const user = await userWith('domain: a.example', 'staticToken: [hush-hush:alice, other-hush:bob]');
    const { code, stdout } = await user.type('relay', 'check');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok +settings .*relay\.yaml: a relay at https:\/\/a\.example\/, names by host$/m);
    expect(stdout).toMatch(/^ok +auth +2 tokens$/m);
    expect(stdout).toMatch(/^- +tls +none: a proxy in front has to end TLS$/m);
    expect(stdout).toMatch(/^ok +port +\d+ on 0\.0\.0\.0 is free$/m);
    expect(stdout).not.toContain('hush');
  });

  it('lists every mistake of the file and exits as for a bad configuration', async () => {
    const user = await userWith('domain: a.example', 'open: true', 'prot: 1', 'ratePerTunnel: many');
    const { code, of } = await check(user);
    expect(code).toBe(2);
    expect(of('settings').detail).toMatch(
      /:3:1 prot: Unknown key; did you mean "port"\?\n.*:4:1 ratePerTunnel/,
    );
    expect(of('settings').remedy).not.toBe('');
  });

  it('says whose port it is', async () => {
    const port = await listening(net.createServer());
    const user = await userWith('domain: a.example', 'open: true', 'host: 127.0.0.1', `port: ${port}`);
    const { code, of } = await check(user);
    expect(code).toBe(2);
    expect(of('port').detail).toContain(`${port} is taken by `);
    expect(of('port').remedy).toContain('set port to another');
  });

  it('looks at the port without TLS as well, and says where certificates would be from', async () => {
    const port = await listening(net.createServer());
    const ours = ['domain: a.example', 'open: true', 'host: 127.0.0.1', 'acme: true', 'acmeFolder: /kept'];
    const { code, of } = await check(await userWith(...ours, `redirectPort: ${port}`));
    expect(code).toBe(2);
    expect(of('redirect').remedy).toContain('set redirectPort to another');
    expect(of('tls').detail).toBe('ordered from acme-v02.api.letsencrypt.org, kept in /kept');
  });

  it('refuses names that no agent can have', async () => {
    const user = await userWith('domain: a.example', 'staticToken: "t-hush:Alice,admin,*"');
    const { code, of } = await check(user);
    expect(code).toBe(2);
    expect(of('settings')).toMatchObject({
      result: 'bad',
      detail: expect.stringMatching(/Alice \(names are .*; admin \(reserved\)/),
    });
  });

  it.each([
    [401, 'ok', 'answers'],
    [403, 'ok', 'answers'],
    [200, 'bad', 'admits a token nobody has'],
    [500, 'bad', 'answered 500'],
  ])('asks the auth provider about a token nobody has: %i is %s', async (status, result, detail) => {
    const provider = http.createServer((request, response) => {
      request.resume();
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"subdomains":["*"]}');
    });
    const port = await listening(provider);
    const user = await userWith(
      'domain: a.example',
      `authUrl: http://127.0.0.1:${port}`,
      'authSecret: s-hush',
    );
    const found = await check(user);
    expect(found.of('auth')).toMatchObject({ result, detail: expect.stringContaining(detail) });
    expect(found.all).not.toContain('hush');
  });

  it('says so when the auth provider cannot be reached', async () => {
    const user = await userWith(
      'domain: a.example',
      `authUrl: http://127.0.0.1:${await freePort()}`,
      'authSecret: s',
    );
    const { code, of } = await check(user);
    expect(code).toBe(2);
    expect(of('auth').detail).toContain('gives no answer');
  });

  describe('looks at the certificate', () => {
    const certified = async (cert = makeCertificate(), ...lines: readonly string[]) => {
      const user = await userWith('open: true', ...lines);
      const files = { tlsCert: join(user.folder, 'cert.pem'), tlsKey: join(user.folder, 'key.pem') };
      writeFileSync(files.tlsCert, cert.cert);
      writeFileSync(files.tlsKey, cert.key, { mode: 0o600 });
      for (const [name, path] of Object.entries(files)) {
        user.env[`TUNNELD_RELAY_${name === 'tlsCert' ? 'TLS_CERT' : 'TLS_KEY'}`] = path;
      }
      return user;
    };
    const BY_PATH = ['routing: path', 'domain: localhost'];

    it('and how long it is valid', async () => {
      const { of } = await check(await certified(undefined, ...BY_PATH));
      expect(of('tls')).toMatchObject({ result: 'ok', detail: expect.stringContaining('until 2036-01-01') });
    });

    it.each([
      ['2035-12-25', 'warn', '7 days from now'],
      ['2036-02-01', 'bad', 'expired on'],
      ['2020-01-01', 'bad', 'is valid from'],
    ])('on %s: %s', async (day, result, detail) => {
      const user = await certified(undefined, ...BY_PATH);
      user.clock = new FakeClock(Date.parse(day));
      const { of } = await check(user);
      expect(of('tls')).toMatchObject({ result, detail: expect.stringContaining(detail) });
    });

    it('which has to be for every name', async () => {
      const { code, of } = await check(await certified(undefined, 'domain: localhost'));
      expect(code).toBe(2);
      expect(of('tls')).toMatchObject({
        detail: expect.stringContaining('is not for *.localhost'),
        remedy: expect.stringContaining('localhost and *.localhost'),
      });
    });

    it('which has to belong to its key', async () => {
      const { key } = makeCertificate();
      const { of } = await check(await certified({ ...makeCertificate(), key }, ...BY_PATH));
      expect(of('tls')).toMatchObject({ result: 'bad', detail: expect.stringContaining('cannot be used') });
    });
  });
});
