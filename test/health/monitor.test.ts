import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import type { HealthReport, Verdict } from '../../src/core/status.ts';
import { HealthMonitor } from '../../src/health/monitor.ts';
import type { ProbeResult } from '../../src/health/probe-result.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { quiet } from '../helpers/quiet.ts';
import { FakeLegs, NO_ROUTE, OK, REFUSED } from './fake-legs.ts';
import { failedSign, legsOptions, sign } from './fixtures.ts';

const FIRST = new URL('https://first.example');
const SECOND = new URL('https://second.example');
/** Past the grace a new session gets. */
const SETTLED_MS = 11_000;

let clock: FakeClock;
let legs: FakeLegs;
let monitor: HealthMonitor;
let reports: HealthReport[];
let replaced: string[];
let exposed: string[];
let online: () => Promise<boolean>;
let token: Secret | undefined;
let visitorStreams: number;

beforeEach(() => {
  clock = new FakeClock();
  legs = new FakeLegs();
  reports = [];
  replaced = [];
  exposed = [];
  online = async () => true;
  token = new Secret('t');
  visitorStreams = 0;
  monitor = new HealthMonitor(
    {
      ...legsOptions(new URL('http://127.0.0.1:3845/mcp')),
      token: () => token,
      clock,
      random: () => 0.5,
      log: quiet,
      online: () => online(),
      visitorStreams: () => visitorStreams,
      onReport: (report) => reports.push(report),
      onReplace: (reason) => replaced.push(reason),
      onExposed: (reason) => exposed.push(reason),
    },
    legs,
  );
});

afterEach(async () => {
  await monitor.stop();
  expect(clock.pending).toBe(0);
  expect(legs.closed).toBe(true);
  expect(legs.overlap).toBeLessThanOrEqual(1);
});

const verdicts = (): Verdict[] => reports.map(({ verdict }) => verdict);

async function openHealthy(): Promise<void> {
  monitor.sessionOpened(FIRST);
  await clock.advance(SETTLED_MS);
  expect(monitor.report.verdict).toBe('healthy');
}

/** What the schedule does, and time for the jitter. */
async function tick(): Promise<void> {
  monitor.tick();
  await clock.advance(4_000);
}

describe('a new session', () => {
  it('is probed on both legs, and without token, at once', async () => {
    monitor.sessionOpened(FIRST);
    await clock.advance(0);
    expect(verdicts()).toEqual(['unknown', 'healthy']);
    expect(legs.asked).toEqual({ local: 1, public: 1, exposure: 1, listening: 0 });
    expect(monitor.report).toMatchObject({
      era: 'modern',
      local: { ok: true, finding: 'ok', latencyMs: 2 },
      public: { ok: true },
    });
  });

  it('is asked for event streams as soon as the server turns out to speak by them alone', async () => {
    const streams: (boolean | undefined)[] = [];
    legs.localSees = () => ({
      finding: 'ok',
      detail: 'it accepts connections',
      era: 'legacy-sse',
      basis: 'tcp',
    });
    legs.publicSees = (_publicUrl, stream) => {
      streams.push(stream);
      return stream ? { finding: 'no-stream', detail: 'no event streams (405)', basis: 'marker' } : OK;
    };
    monitor.sessionOpened(FIRST);
    await clock.advance(0);
    expect(streams).toEqual([false, true]);
    expect(monitor.report).toMatchObject({ verdict: 'config', public: { finding: 'no-stream' } });
  });

  it('may take a moment until its URL works', async () => {
    let tries = 0;
    legs.publicSees = () => (++tries < 5 ? NO_ROUTE : OK);
    monitor.sessionOpened(FIRST);
    await clock.advance(2_500);
    expect(monitor.report.verdict).toBe('healthy');
    expect(replaced).toEqual([]);
  });

  it('is replaced when its URL never works', async () => {
    legs.publicSees = () => NO_ROUTE;
    monitor.sessionOpened(FIRST);
    await clock.advance(15_000);
    expect(monitor.report.verdict).toBe('tunnel-down');
    expect(replaced).toHaveLength(1);
  });

  it('is not checked without a token when the tunnel has none', async () => {
    token = undefined;
    await openHealthy();
    expect(legs.asked.exposure).toBe(0);
  });
});

describe('the schedule', () => {
  it('probes again at each tick, after a jitter', async () => {
    await openHealthy();
    monitor.tick();
    await clock.advance(999);
    expect(legs.asked.local).toBe(1);
    await clock.advance(1);
    expect(legs.asked.local).toBe(2);
    expect(legs.asked.public).toBe(2);
  });

  it('leaves the path alone that real traffic just proved', async () => {
    await openHealthy();
    monitor.noteSign(sign());
    await tick();
    expect(legs.asked.public).toBe(1);
    await clock.advance(30_000);
    await tick();
    expect(legs.asked.public).toBe(2);
  });

  it('goes on at its own pace while all is well', async () => {
    await openHealthy();
    await clock.advance(3_600_000);
    expect(legs.asked.public).toBe(1);
  });
});

describe('a public leg that fails', () => {
  it('is asked once more before the session is given up', async () => {
    await openHealthy();
    legs.publicSees = () => NO_ROUTE;
    await tick();
    expect(legs.asked.public).toBe(3);
    expect(verdicts().slice(-2)).toEqual(['degraded', 'tunnel-down']);
    expect(replaced).toEqual(['Public leg: https://x cannot be reached (ENOTFOUND).']);
  });

  it('is forgiven a single failure', async () => {
    await openHealthy();
    let failures = 1;
    legs.publicSees = () => (failures-- > 0 ? NO_ROUTE : OK);
    await tick();
    expect(verdicts().slice(-2)).toEqual(['degraded', 'healthy']);
    expect(replaced).toEqual([]);
  });

  it('is never a reason to replace the session while the server is down', async () => {
    await openHealthy();
    legs.localSees = () => REFUSED;
    legs.publicSees = () => NO_ROUTE;
    legs.listens = false;
    for (let minute = 0; minute < 30; minute++) await tick();
    expect(monitor.report.verdict).toBe('server-down');
    expect(replaced).toEqual([]);
  });

  it('starts counting anew when the server is back', async () => {
    await openHealthy();
    legs.localSees = () => ({ finding: 'timeout', basis: 'discover', detail: 'the server does not answer' });
    legs.publicSees = () => NO_ROUTE;
    for (let minute = 0; minute < 5; minute++) await tick();
    legs.localSees = () => OK;
    monitor.wake('the server is back');
    await clock.advance(2_000);
    expect(monitor.report).toMatchObject({ verdict: 'unknown', cause: expect.stringContaining('once more') });
    expect(replaced).toEqual([]);
    await clock.advance(2_000);
    expect(replaced).toHaveLength(1);
  });

  it('starts counting anew when the network is back', async () => {
    await openHealthy();
    online = async () => false;
    legs.publicSees = () => NO_ROUTE;
    for (let minute = 0; minute < 5; minute++) await tick();
    online = async () => true;
    monitor.wake('the network is back');
    await clock.advance(2_000);
    expect(replaced).toEqual([]);
    await clock.advance(2_000);
    expect(replaced).toHaveLength(1);
  });

  it('is waited out while nothing else can be reached either', async () => {
    await openHealthy();
    online = async () => false;
    legs.publicSees = () => NO_ROUTE;
    for (let minute = 0; minute < 10; minute++) await tick();
    expect(monitor.report.verdict).toBe('network-down');
    expect(replaced).toEqual([]);
    online = async () => true;
    legs.publicSees = () => OK;
    await clock.advance(10_000);
    expect(monitor.report.verdict).toBe('healthy');
  });

  it('counts without a network when the relay is on this machine', async () => {
    online = async () => false;
    legs.publicSees = () => NO_ROUTE;
    monitor.sessionOpened(new URL('http://127.0.0.1:7575/figma'));
    await clock.advance(15_000);
    expect(replaced).toHaveLength(1);
  });

  it('counts although the question whether we are online never returns', async () => {
    await openHealthy();
    online = () => new Promise(() => undefined);
    legs.publicSees = () => NO_ROUTE;
    monitor.tick();
    await clock.advance(20_000);
    expect(replaced).toHaveLength(1);
  });

  it('is not held against a session that real requests get through', async () => {
    await openHealthy();
    legs.publicSees = () => {
      monitor.noteSign(sign());
      return NO_ROUTE;
    };
    for (let minute = 0; minute < 10; minute++) await tick();
    expect(replaced).toEqual([]);
  });

  it('is reported again, not at every look, when nobody replaced the session', async () => {
    await openHealthy();
    legs.publicSees = () => NO_ROUTE;
    await tick();
    await clock.advance(20_000);
    expect(replaced).toHaveLength(1);
    await clock.advance(20_000);
    expect(replaced).toHaveLength(2);
  });

  it.each([
    'edge-auth',
    'limited',
    'gateway-refused',
    'edge-certificate',
    'no-descriptors',
    'no-dns',
  ] as const)('is never a reason to replace the session when it says %s', async (finding) => {
    await openHealthy();
    legs.publicSees = () => ({ finding, basis: 'marker', detail: 'so it is' });
    for (let minute = 0; minute < 10; minute++) await tick();
    expect(replaced).toEqual([]);
  });

  it('leaves a provider alone whose quota is used up', async () => {
    await openHealthy();
    legs.publicSees = () => ({
      finding: 'limited',
      basis: 'marker',
      detail: 'no more',
      retryAfterMs: 300_000,
    });
    await tick();
    const asked = legs.asked.public;
    for (let step = 0; step < 9; step++) {
      monitor.tick();
      await clock.advance(30_000);
    }
    expect(legs.asked.public).toBe(asked);
    expect(monitor.report.verdict).toBe('limited');
    await clock.advance(60_000);
    expect(legs.asked.public).toBe(asked + 1);
  });
});

describe('a server that is down', () => {
  it('costs a TCP connect every two seconds, and is seen as soon as it is back', async () => {
    await openHealthy();
    legs.localSees = () => REFUSED;
    legs.listens = false;
    await tick();
    const { local } = legs.asked;
    await clock.advance(60_000);
    expect(legs.asked.local).toBe(local);
    expect(legs.asked.listening).toBeGreaterThanOrEqual(29);
    legs.listens = true;
    legs.localSees = () => OK;
    legs.publicSees = () => OK;
    await clock.advance(2_000);
    expect(monitor.report.verdict).toBe('healthy');
    expect(legs.forgot).toBe(1);
    expect(replaced).toEqual([]);
  });

  it('is noticed within six seconds although no probe is due', async () => {
    await openHealthy();
    legs.localSees = () => REFUSED;
    legs.listens = false;
    await clock.advance(6_000);
    expect(monitor.report.verdict).toBe('server-down');
    expect(replaced).toEqual([]);
  });

  it('costs no probe while it listens, only a TCP connect every five seconds', async () => {
    await openHealthy();
    const { listening, local } = legs.asked;
    await clock.advance(60_000);
    expect(legs.asked.listening - listening).toBe(12);
    expect(legs.asked.local).toBe(local);
  });

  it('is looked at when a request gets through', async () => {
    await openHealthy();
    legs.localSees = () => ({ finding: 'server-error', basis: 'discover', detail: 'the server fails (500)' });
    await tick();
    expect(monitor.report.verdict).toBe('server-down');
    legs.localSees = () => OK;
    monitor.noteSign(sign());
    await clock.advance(2_000);
    expect(monitor.report.verdict).toBe('healthy');
  });
});

describe('hints', () => {
  it('make one probe out of many', async () => {
    await openHealthy();
    for (let hint = 0; hint < 20; hint++) monitor.wake('link changed');
    await clock.advance(199);
    expect(legs.asked.public).toBe(1);
    await clock.advance(1);
    expect(legs.asked.public).toBe(2);
  });

  it('cannot make probes follow each other closely', async () => {
    await openHealthy();
    for (let step = 0; step < 100; step++) {
      monitor.noteSign(failedSign());
      await clock.advance(100);
    }
    expect(legs.asked.public).toBeLessThanOrEqual(1 + 6);
  });
});

describe('an older session', () => {
  it('has no say in the verdict on its successor', async () => {
    let answerLate: (result: ProbeResult) => void = () => undefined;
    legs.publicSees = (url) =>
      url.href === FIRST.href
        ? new Promise((resolve) => {
            answerLate = resolve;
          })
        : OK;
    monitor.sessionOpened(FIRST);
    await clock.advance(20_000);
    monitor.sessionOpened(SECOND);
    answerLate(NO_ROUTE);
    await clock.advance(0);
    expect(monitor.report).toMatchObject({ verdict: 'healthy', public: { finding: 'ok' } });
    expect(replaced).toEqual([]);
  });

  it('is forgotten although its last failure is only judged afterwards', async () => {
    await openHealthy();
    let answerLocal: (result: ProbeResult) => void = () => undefined;
    legs.localSees = () =>
      new Promise((resolve) => {
        answerLocal = resolve;
      });
    legs.publicSees = () => NO_ROUTE;
    monitor.tick();
    await clock.advance(2_000);
    legs.publicSees = () => new Promise(() => undefined);
    monitor.sessionOpened(SECOND);
    answerLocal(OK);
    await clock.advance(0);
    expect(monitor.report.public).toBeUndefined();
    expect(monitor.report.verdict).toBe('unknown');
  });

  it('leaves no strike behind', async () => {
    await openHealthy();
    legs.publicSees = () => NO_ROUTE;
    monitor.tick();
    await clock.advance(2_000);
    expect(monitor.report.verdict).toBe('degraded');
    legs.publicSees = () => OK;
    monitor.sessionOpened(SECOND);
    expect(monitor.report).toMatchObject({ verdict: 'unknown' });
    await clock.advance(0);
    expect(monitor.report.verdict).toBe('healthy');
  });

  it('is not probed any more once it closed, the server still is', async () => {
    await openHealthy();
    monitor.sessionClosed();
    expect(monitor.report).toMatchObject({
      verdict: 'unknown',
      cause: expect.stringContaining('No session'),
    });
    await tick();
    expect(legs.asked).toMatchObject({ local: 2, public: 1 });
  });
});

describe('an exposed tunnel', () => {
  it('is reported at once, and stays so until the next session', async () => {
    legs.exposureIs = () => 'exposed';
    monitor.sessionOpened(FIRST);
    await clock.advance(0);
    expect(exposed).toEqual(['Public leg: a request without a token was not refused.']);
    monitor.sessionClosed();
    await tick();
    expect(monitor.report.verdict).toBe('exposed');
    expect(exposed).toHaveLength(1);
    legs.exposureIs = () => 'refused';
    monitor.sessionOpened(SECOND);
    await clock.advance(0);
    expect(monitor.report.verdict).toBe('healthy');
  });

  it('is found by the hourly check', async () => {
    await openHealthy();
    legs.exposureIs = () => 'exposed';
    expect(await monitor.checkExposure()).toBe('exposed');
    expect(monitor.report.verdict).toBe('exposed');
    expect(exposed).toHaveLength(1);
  });

  it('is asked for again until a refusal was seen', async () => {
    legs.exposureIs = () => (legs.asked.exposure < 3 ? 'unknown' : 'refused');
    monitor.sessionOpened(FIRST);
    await clock.advance(120_000);
    expect(legs.asked.exposure).toBe(3);
  });

  it('is not concluded from an answer to an older session', async () => {
    let answerLate: (exposure: 'exposed') => void = () => undefined;
    legs.exposureIs = () =>
      new Promise((resolve) => {
        answerLate = resolve;
      });
    monitor.sessionOpened(FIRST);
    await clock.advance(0);
    monitor.sessionClosed();
    answerLate('exposed');
    await clock.advance(0);
    expect(exposed).toEqual([]);
  });
});

describe('stopping', () => {
  it('ends probes that hang', async () => {
    legs.localSees = () => new Promise(() => undefined);
    legs.publicSees = () => new Promise(() => undefined);
    monitor.sessionOpened(FIRST);
    await clock.advance(0);
    await monitor.stop();
    monitor.wake('too late');
    monitor.tick();
    expect(clock.pending).toBe(0);
    expect(legs.closed).toBe(true);
  });
});

describe('a public URL that this machine cannot see', () => {
  const reached = async () => ({ kind: 'reached' }) as const;
  const failed = async () => ({ kind: 'failed', detail: 'the relay has no link' }) as const;
  const cannotTell = async () => ({ kind: 'unknown', detail: 'the relay is too old to be asked' }) as const;

  beforeEach(() => {
    legs.publicSees = () => NO_ROUTE;
  });

  it('costs no session while visitors get through, for ten minutes', async () => {
    monitor.sessionOpened(FIRST);
    for (let step = 0; step < 600; step++) {
      monitor.noteSign(sign());
      if (step % 30 === 0) monitor.tick();
      await clock.advance(1_000);
    }
    expect(replaced).toEqual([]);
    expect(monitor.report).toMatchObject({
      verdict: 'unverified',
      cause: 'Public leg: https://x cannot be reached (ENOTFOUND); all the same visitors get through.',
      remedy: expect.stringContaining('DNS'),
    });
  });

  it('costs none when visitors pause after that', async () => {
    monitor.sessionOpened(FIRST);
    await clock.advance(2_000);
    monitor.noteSign(sign());
    for (let minute = 0; minute < 30; minute++) await tick();
    await clock.advance(600_000);
    expect(replaced).toEqual([]);
    expect(monitor.report.verdict).toBe('unverified');
  });

  it('costs none while a visitor has a stream open', async () => {
    visitorStreams = 1;
    monitor.sessionOpened(FIRST);
    for (let minute = 0; minute < 10; minute++) await tick();
    expect(replaced).toEqual([]);
    expect(monitor.report.verdict).toBe('unverified');
  });

  it('costs none when the provider sees it work, and is known at once', async () => {
    monitor.sessionOpened(FIRST, reached);
    await clock.advance(0);
    expect(monitor.report).toMatchObject({
      verdict: 'unverified',
      cause: expect.stringContaining('the provider sees it work'),
    });
    for (let minute = 0; minute < 20; minute++) await tick();
    expect(replaced).toEqual([]);
    expect(monitor.report.verdict).toBe('unverified');
  });

  it('costs one session, and not every next one, when nobody can tell', async () => {
    monitor.sessionOpened(FIRST, cannotTell);
    await clock.advance(15_000);
    expect(replaced).toHaveLength(1);
    for (let session = 0; session < 3; session++) {
      monitor.sessionClosed();
      monitor.sessionOpened(SECOND, cannotTell);
      await clock.advance(60_000);
    }
    expect(replaced).toHaveLength(1);
    expect(monitor.report).toMatchObject({
      verdict: 'unverified',
      cause: expect.stringContaining('no visitor has come, and the relay is too old to be asked'),
    });
  });

  it('is replaced in growing intervals when the provider says that it does not work', async () => {
    const times: number[] = [];
    for (let minute = 0; minute < 40; minute++) {
      const before = replaced.length;
      monitor.sessionOpened(SECOND, failed);
      await clock.advance(60_000);
      if (replaced.length > before) times.push(minute);
    }
    expect(times[0]).toBe(0);
    expect(times.length).toBeLessThanOrEqual(4);
    expect(times[1]).toBeGreaterThanOrEqual(5);
    expect(replaced[0]).toContain('(the relay has no link)');
    expect(monitor.report.remedy).toContain('changed nothing');
  });

  it('is a reason again once this machine has seen the URL work', async () => {
    legs.publicSees = () => OK;
    await openHealthy();
    legs.publicSees = () => NO_ROUTE;
    await tick();
    expect(replaced).toHaveLength(1);
    legs.publicSees = () => OK;
    monitor.sessionOpened(SECOND);
    await clock.advance(SETTLED_MS);
    legs.publicSees = () => NO_ROUTE;
    await tick();
    expect(replaced).toHaveLength(2);
  });

  it.each([
    ['edge-certificate', 'config'],
    ['no-descriptors', 'out-of-resources'],
    ['no-dns', 'network-down'],
  ] as const)('is never replaced for %s', async (finding, verdict) => {
    legs.publicSees = () => ({ finding, basis: 'marker', detail: 'so it is' });
    monitor.sessionOpened(FIRST, failed);
    for (let minute = 0; minute < 10; minute++) await tick();
    expect(monitor.report.verdict).toBe(verdict);
    expect(replaced).toEqual([]);
  });
});

describe('calls', () => {
  it.each([
    [500, 'text/plain', 'server-down', 'server-error'],
    [200, 'text/html', 'config', 'not-mcp'],
    [404, 'text/plain', 'config', 'wrong-path'],
    [401, 'text/plain', 'auth', 'needs-auth'],
    [429, 'text/plain', 'limited', 'limited'],
  ] as const)(
    'that all fail (%s, %s) outweigh a probe that is content',
    async (status, type, verdict, finding) => {
      await openHealthy();
      for (let call = 0; call < 20; call++) {
        monitor.noteSign(failedSign(status, type));
        monitor.tick();
        await clock.advance(1_000);
      }
      expect(monitor.report).toMatchObject({ verdict, local: { finding, basis: 'traffic' } });
      expect(monitor.report.cause).toMatch(/^Local leg: no call is answered any more \(the last got \d+/);
      monitor.noteSign(sign());
      await clock.advance(6_000);
      // One answer ends the outage; how often calls failed in the last minute is still worth a word.
      expect(monitor.report.verdict).toBe('degraded');
      await clock.advance(60_000);
      await tick();
      expect(monitor.report.verdict).toBe('healthy');
    },
  );

  it('that fail half of the time are called degraded', async () => {
    await openHealthy();
    for (let call = 0; call < 10; call++) {
      monitor.noteSign(failedSign());
      monitor.noteSign(sign());
      await clock.advance(1_000);
    }
    expect(monitor.report.verdict).toBe('degraded');
  });

  it('that the gateway answers by itself prove nothing, and put off no look', async () => {
    await openHealthy();
    const { local } = legs.asked;
    for (let round = 0; round < 3; round++) {
      monitor.noteSign(sign({ seen: { kind: 'unasked' } }));
      await tick();
    }
    expect(legs.asked.local).toBe(local + 3);
  });

  it('that get no first byte lead to a look within seconds, and a server that hangs is seen', async () => {
    await openHealthy();
    legs.localSees = () => ({ finding: 'timeout', basis: 'discover', detail: 'the server does not answer' });
    monitor.noteSign(sign({ seen: { kind: 'silence', forMs: 5_000 } }));
    await clock.advance(5_000);
    expect(monitor.report.verdict).toBe('server-down');
  });

  it('that wait in vain tell a server that hangs from one that leaves our questions alone', async () => {
    legs.localSees = () => ({ finding: 'silent', basis: 'tcp', detail: 'nothing a probe may ask' });
    monitor.sessionOpened(new URL('http://127.0.0.1:7575/figma'));
    await clock.advance(3_000);
    expect(monitor.report).toMatchObject({ verdict: 'unknown', cause: expect.stringContaining('may ask') });
    monitor.noteSign(sign({ seen: { kind: 'silence', forMs: 5_000 } }));
    await clock.advance(12_000);
    expect(monitor.report).toMatchObject({ verdict: 'server-down', local: { finding: 'timeout' } });
    monitor.noteSign(sign());
    await clock.advance(12_000);
    expect(monitor.report.verdict).toBe('healthy');
  });

  it('make the next look spare nothing', async () => {
    await openHealthy();
    monitor.noteSign(failedSign());
    await clock.advance(5_000);
    expect(legs.closely.at(-1)).toBe(true);
  });

  it('that are answered outweigh a probe that is not', async () => {
    await openHealthy();
    legs.localSees = () => ({
      finding: 'not-mcp',
      basis: 'discover',
      detail: 'what answers is no MCP server',
    });
    await tick();
    expect(monitor.report.verdict).toBe('config');
    monitor.noteSign(sign());
    await clock.advance(6_000);
    expect(monitor.report).toMatchObject({ verdict: 'healthy', local: { basis: 'traffic' } });
  });

  it('are what a healthy report rests on while they come', async () => {
    await openHealthy();
    monitor.noteSign(sign());
    await tick();
    expect(monitor.report).toMatchObject({ local: { basis: 'traffic' }, public: { basis: 'traffic' } });
  });
});

describe('a tunnel without a session', () => {
  it('says why, whatever the server does', async () => {
    monitor.sessionMissing({
      verdict: 'network-down',
      cause: 'This machine has no network.',
      remedy: 'Check it.',
    });
    await tick();
    expect(monitor.report).toMatchObject({ verdict: 'network-down', cause: 'This machine has no network.' });
    monitor.sessionOpened(FIRST);
    await clock.advance(0);
    expect(monitor.report.verdict).toBe('healthy');
    monitor.sessionMissing({ verdict: 'tunnel-down', cause: 'No session: lost.', remedy: 'Wait.' });
    monitor.sessionClosed();
    expect(monitor.report).toMatchObject({ verdict: 'tunnel-down', cause: 'No session: lost.' });
  });
});
