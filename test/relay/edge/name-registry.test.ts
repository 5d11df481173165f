import { describe, expect, it } from 'vitest';
import { EdgeGuard } from '../../../src/access/edge-guard.ts';
import type { EdgeLink } from '../../../src/relay/edge/edge-link.ts';
import { type NameHolder, NameRegistry } from '../../../src/relay/edge/name-registry.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

const LINK: EdgeLink = {
  dialect: 'test',
  returns: true,
  leaving: false,
  active: 0,
  forward() {},
  goaway() {},
  whenIdle() {},
  close() {},
  end() {},
};

let linkNumber = 0;

function holderOf(name: string, identity = 'alice'): NameHolder {
  linkNumber += 1;
  const guard = new EdgeGuard(undefined, new FakeClock());
  return { name, identity, link: LINK, guard, linkId: `link ${linkNumber}`, openedAt: 0 };
}

function start(options: ConstructorParameters<typeof NameRegistry>[1] = {}) {
  const clock = new FakeClock();
  return { clock, names: new NameRegistry(clock, options) };
}

describe('a name', () => {
  it('has one holder, whom only the same identity replaces', () => {
    const { names } = start();
    const [old, next] = [holderOf('figma'), holderOf('figma')];
    expect(names.claim('figma', old)).toEqual({ replaced: undefined });
    expect(names.claim('figma', holderOf('figma', 'mallory'))).toBe('taken');
    expect(names.claim('figma', next)).toEqual({ replaced: old });
    expect(names.find('figma')).toBe(next);
    expect([...names.holders()]).toEqual([next]);
  });

  it.each(['lost', 'left', 'dismissed'] as const)(
    'is not taken from its holder when the one before goes (%s)',
    (departure) => {
      const { names } = start();
      const [old, next] = [holderOf('figma'), holderOf('figma')];
      names.claim('figma', old);
      names.claim('figma', next);
      names.release('figma', old, departure);
      expect(names.find('figma')).toBe(next);
    },
  );

  it('that was lost is kept a minute for whoever had it, then it is anybody’s', async () => {
    const { names, clock } = start();
    const alice = holderOf('figma');
    names.claim('figma', alice);
    names.release('figma', alice, 'lost');
    await clock.advance(59_000);
    expect(names.claim('figma', holderOf('figma', 'mallory'))).toBe('taken');
    await clock.advance(1_000);
    expect(names.claim('figma', holderOf('figma', 'mallory'))).toEqual({ replaced: undefined });
  });

  it.each(['left', 'dismissed'] as const)('is free at once when its holder %s', (departure) => {
    const { names } = start();
    const alice = holderOf('figma');
    names.claim('figma', alice);
    names.release('figma', alice, departure);
    expect(names.claim('figma', holderOf('figma', 'bob'))).toEqual({ replaced: undefined });
  });

  it.each(['lost', 'left'] as const)(
    'that was live returns soon, then later, for an hour (%s)',
    async (departure) => {
      const { names, clock } = start();
      expect(names.returns('figma')).toBeUndefined();
      const alice = holderOf('figma');
      names.claim('figma', alice);
      names.release('figma', alice, departure);
      expect(names.returns('figma')).toBe('soon');
      await clock.advance(60_000);
      expect(names.returns('figma')).toBe('later');
      await clock.advance(3_539_999);
      expect(names.returns('figma')).toBe('later');
      await clock.advance(1);
      expect(names.returns('figma')).toBeUndefined();
    },
  );

  it('that the operator ended is not waited for', () => {
    const { names } = start();
    const alice = holderOf('figma');
    names.claim('figma', alice);
    names.release('figma', alice, 'dismissed');
    expect(names.returns('figma')).toBeUndefined();
    expect(names.wait('figma', () => {})).toBeUndefined();
  });
});

describe('requests for a name that just went away', () => {
  it.each(['lost', 'left'] as const)('are given to its next link (%s)', async (departure) => {
    const { names, clock } = start();
    const [old, next] = [holderOf('figma'), holderOf('figma')];
    const heard: unknown[] = [];
    names.claim('figma', old);
    names.release('figma', old, departure);
    names.wait('figma', (holder) => heard.push(holder));
    const stop = names.wait('figma', () => heard.push('stopped'));
    stop?.();
    await clock.advance(1_000);
    names.claim('figma', next);
    expect(heard).toEqual([]);
    names.wake('figma');
    expect(heard).toEqual([next]);
    expect(clock.pending).toBe(0);
  });

  it('hear after two seconds that none came, and later ones at once', async () => {
    const { names, clock } = start();
    const old = holderOf('figma');
    const heard: unknown[] = [];
    names.claim('figma', old);
    names.release('figma', old, 'lost');
    names.wait('figma', (holder) => heard.push(holder));
    await clock.advance(2_000);
    expect(heard).toEqual([undefined]);
    expect(names.wait('figma', () => {})).toBeUndefined();
  });

  it('are 256 at most, and 4,096 for all names together', () => {
    const { names } = start();
    const waiting = (name: string, asked: number) => {
      let count = 0;
      for (let at = 0; at < asked; at++) if (names.wait(name, () => {}) !== undefined) count++;
      return count;
    };
    for (let name = 0; name < 20; name++) {
      const holder = holderOf(`name-${name}`);
      names.claim(holder.name, holder);
      names.release(holder.name, holder, 'lost');
    }
    expect(waiting('name-0', 300)).toBe(256);
    for (let name = 1; name < 16; name++) expect(waiting(`name-${name}`, 300)).toBe(256);
    expect(waiting('name-17', 300)).toBe(0);
    // Whoever stops waiting makes room.
    names.wake('name-0');
    expect(waiting('name-17', 300)).toBe(256);
  });

  it('hear it when everything ends', () => {
    const { names, clock } = start();
    const old = holderOf('figma');
    const heard: unknown[] = [];
    names.claim('figma', old);
    names.release('figma', old, 'lost');
    names.wait('figma', (holder) => heard.push(holder));
    names.close();
    expect([heard, clock.pending]).toEqual([[undefined], 0]);
  });
});

describe('what is remembered', () => {
  it('of one identity is 1,024 kept names; those beyond are free at once', () => {
    const { names } = start();
    const holders = Array.from({ length: 1_030 }, (_, index) => holderOf(`a-${index}`));
    for (const holder of holders) names.claim(holder.name, holder);
    for (const holder of holders) names.release(holder.name, holder, 'lost');
    const bob = holderOf('b', 'bob');
    names.claim('b', bob);
    names.release('b', bob, 'lost');
    const taken = (name: string) => names.claim(name, holderOf(name, 'mallory')) === 'taken';
    expect([taken('a-0'), taken('a-1023'), taken('a-1024'), taken('b')]).toEqual([true, true, false, true]);
    // One that comes back makes room for another.
    names.claim('a-0', holderOf('a-0'));
    const late = holders[1_029] as NameHolder;
    names.claim(late.name, late);
    names.release(late.name, late, 'lost');
    expect(taken('a-1029')).toBe(true);
  });

  it('of all identities is 10,000 names, and timers with them', () => {
    const { names, clock } = start();
    for (let index = 0; index < 12_000; index++) {
      const holder = holderOf(`n-${index}`, `identity-${index}`);
      names.claim(holder.name, holder);
      names.release(holder.name, holder, 'lost');
    }
    // 10,000 that are kept, and those that visitors would still wait for.
    expect(clock.pending).toBe(11_000);
    expect(names.returns('n-11999')).toBe('later');
    expect(names.claim('n-9999', holderOf('n-9999', 'mallory'))).toBe('taken');
    expect(names.claim('n-10000', holderOf('n-10000', 'mallory'))).not.toBe('taken');
  });
});

it('remembers the 10,000 names that were live last, and no more', async () => {
  const { names, clock } = start();
  for (let index = 0; index < 10_001; index++) {
    const holder = holderOf(`n-${index}`);
    names.claim(holder.name, holder);
    names.release(holder.name, holder, 'left');
  }
  await clock.advance(120_000);
  expect(names.returns('n-0')).toBeUndefined();
  expect(names.returns('n-1')).toBe('later');
  expect(names.returns('n-10000')).toBe('later');
});

describe('after the start', () => {
  it('a name that an earlier relay may have had is waited for, 5 s, and called offline, as long as was said', async () => {
    const { names, clock } = start({ returnsMs: 60_000, expects: (name) => name !== 'register' });
    const heard: unknown[] = [];
    expect(names.wait('register', () => {})).toBeUndefined();
    names.wait('figma', (holder) => heard.push(holder));
    await clock.advance(2_000);
    expect([heard, names.returns('figma'), names.returns('register')]).toEqual([
      [undefined],
      'soon',
      undefined,
    ]);
    await clock.advance(3_000);
    expect(names.wait('figma', () => {})).toBeUndefined();
    expect(names.returns('never-heard-of')).toBe('soon');
    await clock.advance(55_000);
    expect(names.returns('never-heard-of')).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('strangers can have no more than 1,000 names waited for', () => {
    const { names, clock } = start({ returnsMs: 60_000 });
    for (let index = 0; index < 5_000; index++) names.wait(`n-${index}`, () => {});
    expect(clock.pending).toBe(1_000);
    // They take nothing away from names that are lost.
    const alice = holderOf('figma');
    names.claim('figma', alice);
    names.release('figma', alice, 'lost');
    expect(names.claim('figma', holderOf('figma', 'mallory'))).toBe('taken');
  });
});
