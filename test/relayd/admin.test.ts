import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../src/core/exchange.ts';
import { createLogger } from '../../src/core/log.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Visit } from '../../src/relay/edge/observed-exchange.ts';
import { AccessLog } from '../../src/relayd/access-log.ts';
import { Dismissals } from '../../src/relayd/dismissals.ts';
import { TunnelCounts } from '../../src/relayd/tunnel-counts.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { admin, type RelayUnderTest, sayWho, startTestRelay } from './harness.ts';

/** As a relay that was killed leaves it. */
function leaveSocket(path: string): void {
  const die =
    "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  spawnSync(process.execPath, ['-e', die, path]);
  expect(existsSync(path)).toBe(true);
}

const tunnelsOf = async (relay: RelayUnderTest) =>
  (await admin(relay.adminSocket, 'GET', '/tunnels')).body as {
    readonly tunnels: readonly Record<string, unknown>[];
    readonly refused: readonly { name: string; seconds: number }[];
  };

describe('GET /tunnels', () => {
  it('tells who serves what, since when, and what passed', async () => {
    const relay = await startTestRelay();
    const link = await relay.link('figma');
    const { text } = await relay.ask('figma.tunnel.test', '/');
    const { tunnels } = await tunnelsOf(relay);
    expect(tunnels).toEqual([
      {
        name: 'figma',
        publicUrl: link.publicUrl.href,
        link: expect.stringMatching(/^[\da-f-]{36}$/),
        openedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        streams: 0,
        dialect: expect.any(String),
        access: 'open',
        address: '127.0.0.1',
        tokenHash: expect.stringMatching(/^[\da-f]{8}$/),
        requests: 1,
        responseBytes: text.length,
        reconnects: 0,
      },
    ]);
  });

  it('counts how often an agent came back', async () => {
    const relay = await startTestRelay();
    await relay.link('figma');
    await relay.link('figma');
    const { tunnels } = await tunnelsOf(relay);
    expect(tunnels).toMatchObject([{ name: 'figma', reconnects: 1 }]);
  });
});

describe('DELETE /tunnels/NAME', () => {
  it('ends the tunnel, and its agent is told not to come back', async () => {
    const relay = await startTestRelay();
    const link = await relay.link('figma');
    const { status, body } = await admin(relay.adminSocket, 'DELETE', '/tunnels/figma');
    expect([status, body]).toEqual([200, { name: 'figma', ended: true, refusedForSeconds: 0 }]);
    expect(await link.closed).toMatchObject({
      reason: 'ended',
      error: { retryable: false, message: expect.stringContaining('the operator of the relay disconnected') },
    });
    expect((await admin(relay.adminSocket, 'DELETE', '/tunnels/figma')).status).toBe(404);
  });

  it('keeps the name off the relay for a time', async () => {
    const relay = await startTestRelay();
    const link = await relay.link('figma');
    const { body } = await admin(relay.adminSocket, 'DELETE', '/tunnels/figma?for=15m');
    expect(body).toEqual({ name: 'figma', ended: true, refusedForSeconds: 900 });
    expect(await link.closed).toMatchObject({ reason: 'ended', error: { code: 'SESSION_LOST' } });
    await expect(relay.link('figma')).rejects.toMatchObject({
      code: 'RELAY_SUSPENDED',
      retryable: true,
      message: expect.stringMatching(
        /the operator keeps figma off for (?:900|899) s more; it comes back by itself/,
      ),
      // The operator may lift it sooner.
      retryAfterMs: 60_000,
    });
    const other = { token: new Secret('the-token-of-somebody-else') };
    await expect(relay.link('figma', other)).rejects.toThrow('the operator keeps figma off');
    expect((await tunnelsOf(relay)).refused).toEqual([{ name: 'figma', seconds: expect.any(Number) }]);
  });

  it('with a time of 0 has the agent register anew, and lifts a refusal', async () => {
    const relay = await startTestRelay();
    await admin(relay.adminSocket, 'DELETE', '/tunnels/figma?for=15m');
    await expect(relay.link('figma')).rejects.toThrow('the operator');
    await admin(relay.adminSocket, 'DELETE', '/tunnels/figma?for=0');
    await relay.link('figma');
    expect((await tunnelsOf(relay)).refused).toEqual([]);
  });

  it('without a time lifts no refusal', async () => {
    const relay = await startTestRelay();
    await admin(relay.adminSocket, 'DELETE', '/tunnels/figma?for=15m');
    expect((await admin(relay.adminSocket, 'DELETE', '/tunnels/figma')).status).toBe(404);
    await expect(relay.link('figma')).rejects.toThrow('the operator');
  });

  it.each(['soon', '', '8d', '-1s'])('refuses ?for=%s and ends nothing', async (time) => {
    const relay = await startTestRelay();
    await relay.link('figma');
    expect((await admin(relay.adminSocket, 'DELETE', `/tunnels/figma?for=${time}`)).status).toBe(400);
    expect((await tunnelsOf(relay)).tunnels).toHaveLength(1);
  });

  it.each(['90', '5000'])('says how to write ?for=%s', async (time) => {
    const relay = await startTestRelay();
    const { status, text } = await admin(relay.adminSocket, 'DELETE', `/tunnels/figma?for=${time}`);
    expect([status, text]).toEqual([400, expect.stringContaining(`write ${time}s for seconds`)]);
  });
});

describe('the admin port, which every user of the machine reaches', () => {
  it('ends no tunnel, and tells none', async () => {
    const relay = await startTestRelay({ adminPort: 0 });
    const link = await relay.link('figma-of-alice');
    const asked = [
      await admin(relay.adminUrl, 'DELETE', '/tunnels/figma-of-alice'),
      await admin(relay.adminUrl, 'DELETE', '/tunnels/figma-of-alice?for=1h'),
      await admin(relay.adminUrl, 'GET', '/tunnels'),
      await admin(relay.adminUrl, 'GET', '/readyz'),
    ];
    expect(asked.map(({ status }) => status)).toEqual([403, 403, 403, 200]);
    expect(asked[0]?.text).toContain('--admin-socket');
    expect(asked.map(({ text }) => text).join()).not.toMatch(/figma|tunnel\.test/);
    expect((await tunnelsOf(relay)).tunnels).toMatchObject([{ name: 'figma-of-alice' }]);
    await link.close();
  });

  it('answers under loopback names alone', async () => {
    const relay = await startTestRelay({ adminPort: 0 });
    const asked = async (host: string) => (await admin(relay.adminUrl, 'GET', '/readyz', { host })).status;
    expect([await asked('localhost'), await asked('[::1]:8081'), await asked('127.0.0.1.nip.io')]).toEqual([
      200, 200, 403,
    ]);
  });
});

describe('a name that is refused for a time', () => {
  it('may come back after it', async () => {
    const clock = new FakeClock();
    const dismissals = new Dismissals(clock);
    const authorize = dismissals.over(async () => ({ ok: true, identity: 'i', name: 'given' }));
    dismissals.refuse('given', 60_000);
    expect(await authorize({ name: 'wanted', token: 't' })).toMatchObject({
      ok: false,
      reason: 'suspended',
    });
    await clock.advance(60_000);
    expect(await authorize({ name: 'wanted', token: 't' })).toMatchObject({ ok: true });
  });

  it('is not to be had from an offer either', async () => {
    const dismissals = new Dismissals(new FakeClock());
    const pick = (name: string) => ({ ok: true, identity: 'i', name }) as const;
    const authorize = dismissals.over(async () => ({
      ok: false,
      reason: 'nameDenied',
      detail: 'which one?',
      offer: { patterns: ['*'], pick },
    }));
    dismissals.refuse('figma', 60_000);
    const answer = await authorize({ name: '', token: 't' });
    const offer = answer.ok ? undefined : answer.offer;
    expect([offer?.pick('figma').ok, offer?.pick('other').ok]).toEqual([false, true]);
  });
});

describe('the admin endpoint of the relay before', () => {
  it('is taken over when that relay is gone, and the tunnels are served meanwhile', async () => {
    const before = await startTestRelay({ adminPort: 0, drainMs: 60_000 });
    const held: Exchange[] = [];
    await before.link('figma', { accept: (exchange) => void held.push(exchange) });
    const slow = before.ask('figma.tunnel.test', '/');
    await waitFor(() => held.length === 1);
    const stopped = before.stop();
    const { port, adminSocket } = before;
    const adminPort = Number(before.adminUrl?.port);
    const successor = await startTestRelay({ port, adminPort, adminSocket });
    await successor.link('notes');
    expect((await successor.ask('notes.tunnel.test', '/')).status).toBe(200);
    expect((await admin(before.adminUrl, 'GET', '/readyz')).status).toBe(503);
    sayWho(held[0] as Exchange);
    expect((await slow).status).toBe(200);
    await stopped;
    for (const place of [successor.adminUrl, adminSocket]) {
      await expect.poll(async () => (await admin(place, 'GET', '/readyz')).status).toBe(200);
    }
    expect((await tunnelsOf(successor)).tunnels).toMatchObject([{ name: 'notes' }]);
    expect(successor.logged().filter(({ msg }) => msg === 'admin endpoint taken over')).toHaveLength(2);
  });

  it('is waited for no longer than the successor itself lives', async () => {
    const before = await startTestRelay({ adminPort: 0, drainMs: 60_000 });
    const held: Exchange[] = [];
    await before.link('figma', { accept: (exchange) => void held.push(exchange) });
    void before.ask('figma.tunnel.test', '/').catch(() => {});
    await waitFor(() => held.length === 1);
    const stopped = before.stop();
    const { port } = before;
    const successor = await startTestRelay({ port, adminPort: Number(before.adminUrl?.port) });
    await successor.stop();
    // That of the first is its own to the end.
    expect((await admin(before.adminUrl, 'GET', '/readyz')).status).toBe(503);
    held[0]?.abort('enough');
    await stopped;
  });
});

it('an admin port that is taken is said, with what to do', async () => {
  const first = await startTestRelay({ adminPort: 0 });
  const taken = Number(first.adminUrl?.port);
  await expect(startTestRelay({ adminPort: taken })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringContaining(`127.0.0.1:${taken}`),
    remedy: expect.stringContaining('--admin-port'),
  });
});

it('an address that this machine does not have is said, with what to do', async () => {
  await expect(startTestRelay({ host: '192.0.2.1' })).rejects.toMatchObject({
    code: 'USAGE',
    remedy: expect.stringContaining('an address that this machine has'),
  });
});

describe('the admin socket', () => {
  it('is for this user alone, replaces one that nobody answers, and goes with the relay', async () => {
    const path = join(tempFolder(), 'admin.sock');
    leaveSocket(path);
    const relay = await startTestRelay({ adminSocket: path });
    await relay.link('figma');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await admin(path, 'DELETE', '/tunnels/figma')).status).toBe(200);
    await expect(startTestRelay({ adminSocket: path })).rejects.toMatchObject({ code: 'SOCKET_UNUSABLE' });
    await relay.stop();
    expect(existsSync(path)).toBe(false);
  });

  it('takes the place of nothing but a socket', async () => {
    const path = join(tempFolder(), 'relay.yaml');
    writeFileSync(path, 'domain: tunnel.test');
    await expect(startTestRelay({ adminSocket: path })).rejects.toMatchObject({
      code: 'SOCKET_UNUSABLE',
      message: expect.stringContaining('is not a socket'),
    });
    expect(readFileSync(path, 'utf8')).toBe('domain: tunnel.test');
  });
});

describe('metrics of tunnels', () => {
  it('count what passed, for those that registered only', async () => {
    const relay = await startTestRelay({ adminPort: 0 });
    const link = await relay.link('figma');
    const { text } = await relay.ask('figma.tunnel.test', '/');
    await relay.ask('guessed.tunnel.test', '/');
    const { text: metrics } = await admin(relay.adminUrl, 'GET', '/metrics');
    expect(metrics).toContain('tunneld_relay_tunnel_up{tunnel="figma"} 1');
    expect(metrics).toContain('tunneld_relay_tunnel_requests_total{tunnel="figma"} 1');
    expect(metrics).toContain(`tunneld_relay_tunnel_response_bytes_total{tunnel="figma"} ${text.length}`);
    expect(metrics).not.toContain('guessed');
    await link.close();
    await expect
      .poll(async () => (await admin(relay.adminUrl, 'GET', '/metrics')).text)
      .toContain('tunneld_relay_tunnel_up{tunnel="figma"} 0');
  });

  it('are bounded, and forget a tunnel that is gone', async () => {
    const clock = new FakeClock();
    const counts = new TunnelCounts(clock);
    for (let count = 0; count < 5_000; count++) counts.registered(`name-${count}`);
    expect(counts.known(() => true)).toHaveLength(2_000);
    await clock.advance(3_600_001);
    expect(counts.known((name) => name === 'name-4999').map(([name]) => name)).toEqual(['name-4999']);
  });
});

describe('the access log', () => {
  const fine = {
    request: { method: 'GET' },
    peer: { address: '192.0.2.1' },
    name: 'figma',
    target: '/mcp',
    status: 200,
    responseBytes: 1,
    durationMs: 5,
    outcome: 'complete',
    reason: undefined,
  } as unknown as Visit;

  function logged(share: number, draws: readonly number[], visits: readonly Visit[]) {
    const lines: string[] = [];
    const left = [...draws];
    const log = createLogger('info', { write: (line) => void lines.push(line) });
    const draw = () => left.shift() ?? expect.unreachable('not drawn');
    const accessLog = new AccessLog(share, log, draw, () => false);
    for (const visit of visits) accessLog.note(visit);
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  it('has a sample of what is unremarkable, and says which share it is', () => {
    const lines = logged(0.1, [0.05, 0.5, 0.0999, 0.1], [fine, fine, fine, fine]);
    expect(lines).toMatchObject([{ share: 0.1 }, { share: 0.1 }]);
  });

  it('has a sample of what a rate limit refused, which may be a flood', () => {
    const flood = { ...fine, status: 429, reason: 'too-many-requests' };
    expect(logged(0.1, [0.05, 0.5, 0.5], [flood, flood, flood])).toMatchObject([{ status: 429, share: 0.1 }]);
  });

  it('has every error, every broken answer and every slow one', () => {
    const remarkable: readonly Partial<Visit>[] = [
      { status: 401 },
      { status: 502 },
      { status: 0 },
      { outcome: 'broken' },
      { durationMs: 1_000 },
    ];
    const lines = logged(
      0,
      [],
      remarkable.map((more) => ({ ...fine, ...more })),
    );
    expect(lines).toHaveLength(5);
    expect(lines.every((line) => !('share' in line))).toBe(true);
  });

  it('has everything by default, without a draw', () => {
    expect(logged(1, [], [fine, fine])).toHaveLength(2);
  });
});
