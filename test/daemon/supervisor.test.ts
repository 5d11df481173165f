import { describe, expect, it } from 'vitest';
import { TunneldError } from '../../src/core/errors.ts';
import { lost } from '../../src/core/session-end.ts';
import { CLOSE_DEADLINE_MS, OPEN_DEADLINE_MS } from '../../src/daemon/open-session.ts';
import { overlapping, supervised } from './supervised.ts';

const unreachable = new TunneldError('RELAY_UNREACHABLE', 'Nothing answers at 127.0.0.1:1.');
const rejected = new TunneldError('CREDENTIAL_REJECTED', 'The token was refused.');

describe('a supervised tunnel', () => {
  it('opens a session, says its URL, and releases it on stop', async () => {
    const { clock, provider, supervisor, states, wired } = supervised();
    supervisor.start('wanted');
    await clock.advance(0);
    expect(supervisor.state).toBe('up');
    expect(supervisor.publicUrl?.href).toBe('http://public-1.test/');

    await supervisor.stop('unwanted');
    expect(states()).toEqual(['opening', 'up', 'closing', 'stopped']);
    expect(wired).toEqual(['opened 1', 'closed']);
    expect(provider.live).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('changes nothing when it is started twice', async () => {
    const { clock, provider, supervisor } = supervised();
    supervisor.start('wanted');
    supervisor.start('wanted again');
    await clock.advance(100_000);
    supervisor.start('and again');
    await clock.advance(100_000);
    expect(provider.opens).toBe(1);
  });

  it('is back within a quarter of a second after a session that worked was lost', async () => {
    const { clock, provider, supervisor } = supervised();
    supervisor.start('wanted');
    await clock.advance(0);
    supervisor.noteVerdict('healthy');
    provider.last.end(lost('connection reset'));
    await clock.advance(250);
    expect(supervisor.state).toBe('up');
    expect(supervisor.session?.generation).toBe(2);
    expect(supervisor.replacements).toBe(1);
  });

  it('doubles the wait up to a minute while the provider cannot be reached', async () => {
    const { clock, provider, changes, supervisor } = supervised({ fails: unreachable });
    supervisor.start('wanted');
    await clock.advance(600_000);
    const opened = changes.filter((change) => change.to === 'opening').map((change) => change.at);
    const waits = opened.slice(1).map((at, index) => at - (opened[index] ?? 0));
    expect(waits.slice(0, 10)).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect(supervisor.attempts).toBe(provider.opens);
    expect(supervisor.lastError?.code).toBe('RELAY_UNREACHABLE');
    expect(supervisor.nextRetryAt).toBeGreaterThan(clock.now());
  });

  it('starts the waits over only after a minute of health, not on the bare opening', async () => {
    const { clock, provider, supervisor } = supervised();
    supervisor.start('wanted');
    for (const expected of [1, 2, 3]) {
      await clock.advance(5_000);
      supervisor.noteVerdict('healthy');
      await clock.advance(5_000);
      provider.last.end(lost('flapping'));
      await clock.advance(0);
      expect(supervisor.attempts).toBe(expected);
    }
    await clock.advance(5_000);
    supervisor.noteVerdict('healthy');
    await clock.advance(60_000);
    expect(supervisor.attempts).toBe(0);
    expect(supervisor.lastError).toBeUndefined();
  });

  it('stays failed with the remedy when another attempt would end the same', async () => {
    const { clock, provider, supervisor, states } = supervised({ fails: rejected });
    supervisor.start('wanted');
    await clock.advance(3_600_000);
    expect(states()).toEqual(['opening', 'failed']);
    expect(provider.opens).toBe(1);
    expect(supervisor.lastError).toMatchObject({ code: 'CREDENTIAL_REJECTED', remedy: rejected.remedy });
  });

  it('stays failed when a live session ends for a reason that would come again', async () => {
    const { clock, provider, supervisor, states } = supervised();
    supervisor.start('wanted');
    await clock.advance(0);
    const error = new TunneldError('RELAY_NAME_TAKEN', 'taken over', { remedy: 'rename' });
    provider.last.end({ reason: 'ended', error });
    await clock.advance(3_600_000);
    expect(states()).toEqual(['opening', 'up', 'giving-up', 'failed']);
    expect(supervisor.lastError).toMatchObject({ code: 'RELAY_NAME_TAKEN', remedy: 'rename' });
    expect(provider.opens).toBe(1);
  });

  it.each(['an attempt failed', 'a live session ended'])(
    'waits as long as the provider asked when %s for want of patience, and says why',
    async (what) => {
      const error = new TunneldError('RELAY_SUSPENDED', 'too many', {
        retryAfterMs: 60_000,
        remedy: 'wait',
      });
      const failing = what === 'an attempt failed';
      const { clock, provider, supervisor } = failing
        ? supervised({ fails: error }, { opens: 'at-once' })
        : supervised();
      supervisor.start('wanted');
      await clock.advance(0);
      if (!failing) provider.last.end({ reason: 'ended', error });
      await clock.advance(59_000);
      expect(supervisor.state).toBe('backing-off');
      expect(supervisor.lastError).toMatchObject({
        code: 'RELAY_SUSPENDED',
        message: 'too many',
        remedy: 'wait',
      });
      await clock.advance(1_000);
      expect(supervisor.state).toBe('up');
      // The next loss is another story.
      provider.last.end(lost('connection reset'));
      await clock.advance(1_000);
      expect(supervisor.state).toBe('up');
      expect(provider.opens).toBe(3);
    },
  );

  it('reports an unexpected error as a bug and is left failed, not opening', async () => {
    const { clock, supervisor } = supervised({ fails: new TypeError('x is not a function') });
    supervisor.start('wanted');
    await clock.advance(0);
    expect(supervisor.state).toBe('failed');
    expect(supervisor.lastError).toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('x is not'),
    });
  });

  it('gives up an attempt that shows no URL within its deadline, and tries again', async () => {
    const { clock, provider, supervisor } = supervised({ hangs: 'until-aborted' }, { opens: 'at-once' });
    supervisor.start('wanted');
    await clock.advance(OPEN_DEADLINE_MS);
    expect(supervisor.lastError?.code).toBe('TUNNEL_OPEN_TIMEOUT');
    await clock.advance(250);
    expect(supervisor.state).toBe('up');
    expect(provider.opens).toBe(2);
  });

  it('is stopped in bounded time by a provider that ignores being aborted', async () => {
    const { clock, supervisor } = supervised({ hangs: 'for-ever' });
    supervisor.start('wanted');
    await clock.advance(1_000);
    const stopped = supervisor.stop('unwanted');
    await clock.advance(CLOSE_DEADLINE_MS);
    await stopped;
    expect(supervisor.state).toBe('stopped');
    expect(clock.pending).toBe(0);
  });

  it.each(['rejects', 'hangs'] as const)(
    'counts a session whose close %s as closed after a deadline',
    async (close) => {
      const { clock, provider, supervisor } = supervised({ opens: 'at-once', close }, { opens: 'at-once' });
      supervisor.start('wanted');
      await clock.advance(0);
      supervisor.unhealthy(1, 'public leg fails');
      await clock.advance(CLOSE_DEADLINE_MS + 250);
      expect(supervisor.state).toBe('up');
      expect(provider.opens).toBe(2);
    },
  );

  it('replaces a session that the monitor finds broken', async () => {
    const { clock, supervisor, changes } = supervised();
    supervisor.start('wanted');
    await clock.advance(0);
    supervisor.noteVerdict('tunnel-down');
    supervisor.unhealthy(1, 'public leg failed twice');
    await clock.advance(250);
    expect(supervisor.session?.generation).toBe(2);
    expect(changes).toContainEqual(
      expect.objectContaining({ event: 'unhealthy', cause: 'public leg failed twice' }),
    );
  });

  it.each(['server-down', 'network-down', 'auth', 'config', 'limited'] as const)(
    'keeps the session while the verdict is %s',
    async (verdict) => {
      const { clock, provider, supervisor } = supervised();
      supervisor.start('wanted');
      await clock.advance(0);
      supervisor.noteVerdict(verdict);
      supervisor.unhealthy(1, 'a mistaken reason');
      await clock.advance(600_000);
      expect(supervisor.session?.generation).toBe(1);
      expect(provider.opens).toBe(1);
    },
  );

  it('ignores what is said about a session that is gone', async () => {
    const { clock, provider, supervisor } = supervised();
    supervisor.start('wanted');
    await clock.advance(0);
    const first = provider.last;
    supervisor.restart('asked');
    await clock.advance(250);
    first.end({ reason: 'ended', error: rejected });
    supervisor.unhealthy(1, 'late');
    supervisor.exposed(1, 'late');
    await clock.advance(1_000);
    expect(supervisor.state).toBe('up');
    expect(supervisor.session?.generation).toBe(2);
    expect(supervisor.lastError).toBeUndefined();
  });

  it('closes an exposed session at once and does not open another by itself', async () => {
    const { clock, provider, supervisor } = supervised();
    supervisor.start('wanted');
    await clock.advance(0);
    supervisor.exposed(1, 'http://public-1.test/ answered 200 without a token');
    expect(provider.last.closeCalls).toBe(1);
    await clock.advance(3_600_000);
    expect(supervisor.state).toBe('failed');
    expect(supervisor.lastError?.code).toBe('TUNNEL_EXPOSED');
    supervisor.restart('the user looked at it');
    await clock.advance(0);
    expect(supervisor.state).toBe('up');
  });

  it('shows that it gives up while the session closes, and what the user says meanwhile counts', async () => {
    for (const word of ['start', 'restart', 'stop'] as const) {
      const { clock, provider, supervisor, states } = supervised(
        { opens: 'at-once', close: 3_000 },
        { opens: 'at-once' },
      );
      supervisor.start('wanted');
      await clock.advance(0);
      supervisor.exposed(1, 'answered without a token');
      await clock.advance(1_000);
      expect(supervisor.state).toBe('giving-up');
      expect(supervisor.lastError?.code).toBe('TUNNEL_EXPOSED');
      void supervisor[word](word);
      expect(supervisor.state).toBe('closing');
      await clock.advance(2_000);
      const then = word === 'stop' ? ['stopped'] : ['stopped', 'opening', 'up'];
      expect(states()).toEqual(['opening', 'up', 'giving-up', 'closing', ...then]);
      expect(provider.mostLive).toBe(1);
    }
  });

  it('wires no session that is gone already, where it is expired when it opens', async () => {
    const { clock, provider, supervisor, wired } = supervised();
    provider.scripts.splice(0, 1, { opens: 'at-once', expiresAt: clock.now() - 1 }, { opens: 'at-once' });
    supervisor.start('wanted');
    await clock.advance(1_000);
    expect(wired).toEqual(['opened 1', 'closed', 'opened 2']);
  });

  it('renews a session before the provider ends it, without a wait', async () => {
    const { clock, provider, supervisor, changes } = supervised();
    const hourMs = 3_600_000;
    provider.scripts.splice(
      0,
      1,
      { opens: 'at-once', expiresAt: clock.now() + hourMs },
      { opens: 'at-once' },
    );
    supervisor.start('wanted');
    await clock.advance(hourMs - 60_000);
    expect(changes.map((change) => change.event)).toContain('expiring');
    expect(supervisor.session?.generation).toBe(2);
    expect(supervisor.attempts).toBe(0);
  });

  it('notices an expiry that a sleeping machine slept through', async () => {
    const { clock, provider, supervisor } = supervised();
    provider.scripts.splice(
      0,
      1,
      { opens: 'at-once', expiresAt: clock.now() + 3_600_000 },
      { opens: 'at-once' },
    );
    supervisor.start('wanted');
    await clock.advance(120_000);
    clock.jump(7_200_000);
    supervisor.wake('the clock jumped');
    await clock.advance(0);
    expect(supervisor.session?.generation).toBe(2);
  });

  it('does not loop on sessions that are expired when they open', async () => {
    const { clock, provider, supervisor } = supervised();
    provider.scripts.splice(0, 1, { opens: 'at-once', expiresAt: clock.now() - 1 });
    supervisor.start('wanted');
    await clock.advance(10_000);
    expect(provider.opens).toBeLessThan(10);
  });

  it('cuts a wait short on restart', async () => {
    const { clock, provider, supervisor } = supervised({ fails: unreachable });
    supervisor.start('wanted');
    await clock.advance(600_000);
    provider.scripts.splice(0, 1, { opens: 'at-once' });
    supervisor.restart('asked');
    await clock.advance(0);
    expect(supervisor.state).toBe('up');
    expect(supervisor.attempts).toBe(0);
  });

  it('opens the next session at once when restart is asked for while the last one closes', async () => {
    const { clock, provider, supervisor } = supervised(
      { fails: unreachable },
      { fails: unreachable },
      { fails: unreachable },
      { fails: unreachable },
      { opens: 'at-once', close: 3_000 },
      { opens: 'at-once' },
    );
    supervisor.start('wanted');
    await clock.advance(10_000);
    provider.last.end(lost('cut'));
    await clock.advance(1_000);
    expect(supervisor.state).toBe('replacing');
    supervisor.restart('asked for');
    await clock.advance(2_000);
    expect([supervisor.state, supervisor.session?.generation]).toEqual(['up', 2]);
  });

  it('waits for the network without burning attempts, and is back when the network is', async () => {
    const { clock, provider, supervisor, network, changes } = supervised();
    supervisor.start('wanted');
    await clock.advance(0);
    network.online = false;
    provider.last.end(lost('no route'));
    await clock.advance(3_600_000);
    expect(provider.opens).toBe(1);
    expect(supervisor.attempts).toBe(1);
    expect(changes.filter((change) => change.event === 'offline')).toHaveLength(1);
    network.online = true;
    await clock.advance(2_000);
    expect(supervisor.state).toBe('up');
  });

  it('does not sit out a long wait when the network went and came back meanwhile', async () => {
    const { clock, provider, supervisor, network } = supervised({ fails: unreachable });
    supervisor.start('wanted');
    await clock.advance(300_000);
    const opens = provider.opens;
    provider.scripts.splice(0, 1, { opens: 'at-once' });
    network.online = false;
    await clock.advance(2_000);
    network.online = true;
    await clock.advance(2_000);
    expect(provider.opens).toBe(opens + 1);
    expect(supervisor.state).toBe('up');
  });

  it('comes up again when it is wanted while the last session is still closing', async () => {
    const { clock, provider, supervisor } = supervised(
      { opens: 'at-once', close: 3_000 },
      { opens: 'at-once' },
    );
    supervisor.start('wanted');
    await clock.advance(0);
    const stopped = supervisor.stop('unwanted');
    await clock.advance(1_000);
    supervisor.start('wanted after all');
    await clock.advance(2_000);
    await stopped;
    expect(supervisor.state).toBe('up');
    expect(provider.mostLive).toBe(1);
  });

  it('keeps the reason of a failure, whatever is said of the server meanwhile', async () => {
    const { clock, supervisor } = supervised({ fails: rejected });
    supervisor.start('wanted');
    await clock.advance(0);
    supervisor.noteVerdict('server-down');
    await clock.advance(61_000);
    expect(supervisor.lastError?.code).toBe('CREDENTIAL_REJECTED');
  });
});

describe('a session that is replaced where the provider takes a new one in its place', () => {
  it('serves until its successor does, and finishes what it carries', async () => {
    const { clock, provider, supervisor, states, wired } = overlapping({ opens: 1_000 });
    supervisor.start('wanted');
    await clock.advance(1_000);
    const [first] = provider.sessions;
    supervisor.restart('asked for');
    await clock.advance(999);
    expect([supervisor.state, supervisor.session?.generation, first?.closeCalls]).toEqual([
      'replacing',
      1,
      0,
    ]);
    await clock.advance(1);
    expect([supervisor.state, supervisor.session?.generation, first?.closeCalls]).toEqual(['up', 2, 0]);
    expect(wired).toEqual(['opened 1', 'opened 2']);
    expect(states()).toEqual(['opening', 'up', 'replacing', 'up']);
    // The edge ends it once nothing is on it.
    first?.end(lost('superseded'));
    await clock.advance(0);
    expect([supervisor.state, first?.closeCalls, provider.live]).toEqual(['up', 1, 1]);
  });

  it('is closed after a while when it does not end by itself, and at once when the tunnel ends', async () => {
    const { clock, provider, supervisor } = overlapping();
    supervisor.start('wanted');
    await clock.advance(0);
    supervisor.restart('asked for');
    await clock.advance(11_000);
    expect(provider.live).toBe(2);
    await clock.advance(1_000);
    expect(provider.live).toBe(1);
    supervisor.restart('asked for');
    await clock.advance(10);
    expect(provider.live).toBe(2);
    await supervisor.stop('unwanted');
    expect([provider.live, clock.pending]).toEqual([0, 0]);
  });

  it('is kept when no other can be opened, and says why', async () => {
    const { clock, provider, supervisor, states } = overlapping(
      { opens: 'at-once' },
      { fails: rejected },
      { fails: unreachable },
    );
    supervisor.start('wanted');
    await clock.advance(0);
    for (const code of ['CREDENTIAL_REJECTED', 'RELAY_UNREACHABLE']) {
      supervisor.restart('asked for');
      await clock.advance(0);
      expect([supervisor.state, supervisor.session?.generation]).toEqual(['up', 1]);
      expect(supervisor.lastError?.code).toBe(code);
    }
    expect(states()).toEqual(['opening', 'up', 'replacing', 'up', 'replacing', 'up']);
    expect(provider.sessions[0]?.closeCalls).toBe(0);
  });

  it('may be ended by its successor first: that is no reason to give up', async () => {
    const { clock, provider, supervisor } = overlapping({ opens: 100 });
    supervisor.start('wanted');
    await clock.advance(100);
    supervisor.restart('asked for');
    await clock.advance(50);
    provider.sessions[0]?.end({ reason: 'ended', error: new TunneldError('RELAY_SUPERSEDED', 'taken over') });
    await clock.advance(50);
    expect([supervisor.state, supervisor.session?.generation]).toEqual(['up', 2]);
  });

  it('is followed with the usual waits when it ends and its successor cannot be opened', async () => {
    const { clock, provider, supervisor } = overlapping(
      { opens: 'at-once' },
      { fails: unreachable, afterMs: 100 },
    );
    supervisor.start('wanted');
    await clock.advance(0);
    supervisor.restart('asked for');
    await clock.advance(50);
    provider.sessions[0]?.end(lost('cut'));
    await clock.advance(50);
    expect([supervisor.state, supervisor.session]).toEqual(['backing-off', undefined]);
  });

  it('is closed at once when it turns out to be exposed meanwhile', async () => {
    const { clock, provider, supervisor, states } = overlapping(
      { opens: 'at-once' },
      { hangs: 'until-aborted' },
    );
    supervisor.start('wanted');
    await clock.advance(0);
    supervisor.restart('asked for');
    await clock.advance(100);
    supervisor.exposed(1, 'answered without a token');
    await clock.advance(0);
    expect(provider.live).toBe(0);
    expect(states()).toEqual(['opening', 'up', 'replacing', 'giving-up', 'failed']);
  });

  it('is not followed by others in a tight loop when each is found unhealthy', async () => {
    const { clock, provider, supervisor } = overlapping();
    supervisor.start('wanted');
    await clock.advance(0);
    for (let round = 0; round < 8; round++) {
      supervisor.unhealthy(supervisor.session?.generation ?? 0, 'carries nothing');
      await clock.advance(1_000);
    }
    expect(provider.opens).toBeLessThan(6);
  });
});

describe('the wait before an attempt', () => {
  it('is as long as the provider asks for, if that is longer', async () => {
    const busy = new TunneldError('RELAY_SUSPENDED', 'too much', { retryAfterMs: 60_000 });
    const { clock, provider, supervisor } = supervised({ fails: busy }, { opens: 'at-once' });
    provider.works = true;
    supervisor.start('wanted');
    await clock.advance(59_999);
    expect([provider.opens, supervisor.state]).toEqual([1, 'backing-off']);
    await clock.advance(1);
    expect(supervisor.state).toBe('up');
  });

  it('ends when what failed answers again, and no sooner', async () => {
    const { clock, provider, supervisor, changes } = supervised({ fails: unreachable });
    supervisor.start('wanted');
    await clock.advance(130_000);
    expect(supervisor.nextRetryAt ?? 0).toBeGreaterThan(clock.now() + 20_000);
    const { opens } = provider;
    provider.scripts.unshift({ opens: 'at-once' });
    provider.works = true;
    await clock.advance(5_500);
    expect([provider.opens, supervisor.state]).toEqual([opens + 1, 'up']);
    expect(changes.at(-2)).toMatchObject({ event: 'retry-due', cause: 'what failed answers again' });
  });

  it('grows on when what failed seems mended and is not', async () => {
    const { clock, provider, supervisor } = supervised({ fails: unreachable });
    provider.works = true;
    supervisor.start('wanted');
    await clock.advance(60_000);
    // One look in half a second at first, then in five.
    expect(provider.opens).toBeLessThan(70);
    expect(supervisor.attempts).toBe(provider.opens);
  });
});

describe('failures', () => {
  it('are forgotten only after a minute without a break', async () => {
    const { clock, provider, supervisor } = supervised();
    supervisor.start('wanted');
    await clock.advance(0);
    provider.last.end(lost('cut'));
    await clock.advance(1_000);
    supervisor.noteVerdict('healthy');
    await clock.advance(40_000);
    supervisor.noteVerdict('tunnel-down');
    await clock.advance(10_000);
    supervisor.noteVerdict('healthy');
    await clock.advance(40_000);
    expect(supervisor.attempts).toBe(1);
    await clock.advance(20_000);
    expect(supervisor.attempts).toBe(0);
  });
});

describe('a tunnel that is stopped', () => {
  it('leaves no session behind, however close to the opening it comes', async () => {
    for (let turns = 0; turns < 40; turns++) {
      const { clock, provider, supervisor } = supervised();
      supervisor.start('wanted');
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      await supervisor.stop('unwanted');
      await clock.advance(0);
      expect([turns, supervisor.state, provider.live, clock.pending]).toEqual([turns, 'stopped', 0, 0]);
    }
  });

  it('insists on its place only where the user asked for it', async () => {
    const { clock, provider, supervisor } = supervised({ fails: unreachable });
    supervisor.start('wanted');
    await clock.advance(250);
    supervisor.restart('asked for');
    await clock.advance(0);
    expect(provider.insisted).toEqual([true, false, true]);
  });
});
