import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { openAgentSession } from '../../src/relay/agent/agent-session.ts';
import type { RelayAuth } from '../../src/relayd/settings/relay-settings.ts';
import { parseGrants } from '../../src/relayd/static-tokens.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { quiet } from '../helpers/quiet.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { admin, type RelayUnderTest, sayWho, startTestRelay } from './harness.ts';

const POLL = { timeout: 20_000 };
const ALICE = { token: new Secret('alice-token') };
const BOB = { token: new Secret('bob-token') };

/** Tokens in a file of their own, as `--static-token file:` reads them. */
function tokenFile(...lines: readonly string[]): {
  file: string;
  auth: RelayAuth;
  write(...to: readonly string[]): void;
} {
  const file = join(tempFolder(), 'tokens');
  const write = (...to: readonly string[]) => {
    // As an editor does it: nobody finds half of a file.
    writeFileSync(`${file}.new`, to.join('\n'));
    renameSync(`${file}.new`, file);
  };
  write(...lines);
  const grants = () => parseGrants(readFileSync(file, 'utf8'), file);
  return { file, write, auth: { kind: 'static', grants, mayChange: true } };
}

function tokensOf(text: string): RelayAuth {
  return { kind: 'static', grants: () => parseGrants(text, 'test') };
}

async function read(relay: RelayUnderTest, path: string): Promise<string> {
  return (await admin(relay.adminSocket, 'GET', path)).text;
}

const statusOf = async (relay: RelayUnderTest, name: string) =>
  (await relay.ask(`${name}.tunnel.test`, '/')).status;

describe('a token that is taken out of its file', () => {
  it('takes its tunnels with it, and nobody else with them', async () => {
    const { auth, write } = tokenFile('alice-token:alice', 'bob-token:bob');
    const relay = await startTestRelay({ auth });
    const alice = await relay.link('alice', ALICE);
    await relay.link('bob', BOB);
    write('bob-token:bob');
    expect(await alice.closed).toMatchObject({
      reason: 'ended',
      error: { retryable: false, message: expect.stringContaining('not valid for this name any more') },
    });
    expect([await statusOf(relay, 'alice'), await statusOf(relay, 'bob')]).toEqual([404, 200]);
    await expect(relay.link('alice', ALICE)).rejects.toMatchObject({ code: 'CREDENTIAL_REJECTED' });
  });

  it('takes only the names with it that are not its own any more', async () => {
    const { auth, write } = tokenFile('alice-token:alice-*');
    const relay = await startTestRelay({ auth });
    const dev = await relay.link('alice-dev', ALICE);
    await relay.link('alice-main', ALICE);
    write('alice-token:alice-main');
    expect(await dev.closed).toMatchObject({ reason: 'ended', error: { retryable: false } });
    expect(await statusOf(relay, 'alice-main')).toBe(200);
  });

  it('does so at the next registration too, before the file is looked at', async () => {
    const { auth, write } = tokenFile('alice-token:alice', 'bob-token:bob');
    const relay = await startTestRelay({ auth });
    const alice = await relay.link('alice', ALICE);
    write('bob-token:bob', 'carol-token:carol');
    await relay.link('carol', { token: new Secret('carol-token') });
    expect(await alice.closed).toMatchObject({ reason: 'ended', error: { retryable: false } });
  });
});

describe('a token file that cannot be read', () => {
  it('leaves the tokens before in force, and is said in log, readiness and metrics until it can', async () => {
    const { auth, write, file } = tokenFile('alice-token:alice');
    const relay = await startTestRelay({ auth });
    await relay.link('alice', ALICE);
    rmSync(file);
    const problems = () =>
      relay.logged().filter(({ level, msg }) => level === 'error' && msg === 'tokens not read again');
    await expect.poll(problems, POLL).toHaveLength(1);
    expect(await statusOf(relay, 'alice')).toBe(200);
    expect(JSON.parse(await read(relay, '/readyz'))).toMatchObject({
      ready: true,
      problems: { tokens: expect.stringContaining('ENOENT') },
    });
    expect(await read(relay, '/metrics')).toContain('tunneld_relay_stale{what="tokens"} 1');
    await relay.link('alice', ALICE);
    expect(problems()).toHaveLength(1);
    write('alice-token:alice');
    await expect.poll(() => read(relay, '/readyz'), POLL).toContain('"problems":{}');
    expect(await read(relay, '/metrics')).toContain('tunneld_relay_stale{what="tokens"} 0');
  });

  it('that is empty, as it is while it is written in place, ends no tunnel', async () => {
    const { auth, write } = tokenFile('alice-token:alice');
    const relay = await startTestRelay({ auth });
    await relay.link('alice', ALICE);
    write('');
    await expect.poll(() => read(relay, '/readyz'), POLL).toContain('list of tokens is empty');
    expect(await statusOf(relay, 'alice')).toBe(200);
  });

  it('with a mistake in it is said without the token', async () => {
    const { auth, write } = tokenFile('alice-token:alice');
    const relay = await startTestRelay({ auth });
    write('hush-hush');
    await expect.poll(() => read(relay, '/readyz'), POLL).toContain('is not TOKEN:NAME');
    expect(JSON.stringify(relay.logged()) + (await read(relay, '/readyz'))).not.toContain('hush');
  });
});

describe('a reload', () => {
  const limits = { requestsPerAddress: 0, requestsPerTunnel: 0, connectionsPerAddress: 256 };

  it('applies limits and proxies without losing a link', async () => {
    const relay = await startTestRelay();
    await relay.link('figma');
    const linkId = async () => /"link":"([^"]+)"/.exec(await read(relay, '/tunnels'))?.[1];
    const before = await linkId();
    expect(before).toBeDefined();
    const trustedProxies = new BlockList();
    trustedProxies.addAddress('127.0.0.1');
    expect(relay.reload({ limits: { ...limits, requestsPerAddress: 1 }, trustedProxies })).toEqual([]);
    const told = { 'x-forwarded-for': '192.0.2.7' };
    const answers = [];
    for (let count = 0; count < 3; count++) answers.push(await relay.ask('figma.tunnel.test', '/', told));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers[0]?.text).toContain('192.0.2.7');
    expect(await linkId()).toBe(before);
  });

  it('counts connections of an address by the new limit', async () => {
    const relay = await startTestRelay();
    await relay.link('figma');
    relay.reload({ limits: { ...limits, connectionsPerAddress: 1 } });
    expect(await statusOf(relay, 'figma')).toBe(429);
  });

  it('names what counts only after a restart', async () => {
    const relay = await startTestRelay();
    const publicUrl = new URL('http://other.test');
    const next = { port: 9_999, routing: 'path', publicUrl, mcpTunnelAgents: false } as const;
    const waiting = ['port', 'routing', 'public-url', 'mcp-tunnel-agents'];
    expect(relay.reload(next)).toEqual(waiting);
    expect(relay.logged().at(-1)).toMatchObject({ waiting });
  });

  it('that closes an open relay keeps the tunnels whose token is on the list', async () => {
    const relay = await startTestRelay();
    const alice = await relay.link('alice', { token: new Secret('alice-token-0123456789') });
    const bob = await relay.link('bob', { token: new Secret('bob-token-0123456789') });
    relay.reload({ auth: tokensOf('alice-token-0123456789:alice') });
    expect(await bob.closed).toMatchObject({ reason: 'ended', error: { retryable: false } });
    expect(await statusOf(relay, 'alice')).toBe(200);
    await alice.close();
  });

  it('that hands the decision to a provider has every agent ask there', async () => {
    const asked: string[] = [];
    const provider = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => asked.push(JSON.parse(text).token));
      request.on('end', () => response.end('{"subdomains":["*"]}'));
    });
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void provider.close());
    const url = new URL(`http://127.0.0.1:${(provider.address() as AddressInfo).port}`);
    const relay = await startTestRelay({ auth: tokensOf('alice-token:alice') });
    const link = await openAgentSession({
      relayUrl: new URL(`http://127.0.0.1:${relay.port}`),
      name: 'alice',
      publicHosts: ['tunnel.test'],
      links: 1,
      accept: sayWho,
      random: () => 0,
      signal: new AbortController().signal,
      clock: systemClock,
      log: quiet,
      ...ALICE,
    });
    onTestFinished(() => link.close());
    relay.reload({ auth: { kind: 'provider', url, secret: new Secret('s') } });
    await expect.poll(() => asked, POLL).toEqual(['alice-token']);
    expect(await statusOf(relay, 'alice')).toBe(200);
  });

  it('with a certificate that cannot be used changes nothing at all', async () => {
    const folder = tempFolder();
    const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    writeFileSync(tls.cert, makeCertificate().cert);
    writeFileSync(tls.key, makeCertificate().key);
    chmodSync(tls.key, 0o600);
    const relay = await startTestRelay({ auth: tokensOf('alice-token:alice') });
    await relay.link('alice', ALICE);
    expect(() => relay.reload({ tls, auth: tokensOf('bob-token:bob') })).toThrow('cannot be used');
    expect(await statusOf(relay, 'alice')).toBe(200);
    await expect(relay.link('bob', BOB)).rejects.toMatchObject({ code: 'CREDENTIAL_REJECTED' });
  });
});
