import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { equalsInConstantTime } from '../../src/access/compare.ts';
import { TokenTable } from '../../src/access/token-table.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const TOKEN = 'tnl_correct-horse-battery-staple';

let clock: FakeClock;
let table: TokenTable;

beforeEach(() => {
  clock = new FakeClock();
  table = new TokenTable(clock);
});

function sha256(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex');
}

describe('a table of tokens', () => {
  it('knows nobody while it is empty', () => {
    expect([table.verify(TOKEN), table.verify('')]).toEqual([undefined, undefined]);
  });

  it.each(['before', 'after'])('takes the token and nothing like it, %s it was shown once', (when) => {
    table.set([{ id: 'one', sha256: sha256(TOKEN) }]);
    if (when === 'after') expect(table.verify(TOKEN)).toBe('one');

    for (const wrong of [
      TOKEN.slice(0, -1),
      TOKEN.slice(0, 1),
      '',
      `${TOKEN}x`,
      TOKEN.slice(1),
      TOKEN.toUpperCase(),
      `${TOKEN.slice(0, -1)}x`,
      sha256(TOKEN),
    ]) {
      expect(table.verify(wrong)).toBeUndefined();
    }
    expect(table.verify(TOKEN)).toBe('one');
  });

  it('says which of several it is', () => {
    table.set(['a', 'b', 'c'].map((id) => ({ id, sha256: sha256(`token-${id}`) })));

    for (const id of ['c', 'a', 'b', 'c']) expect(table.verify(`token-${id}`)).toBe(id);
  });

  it('forgets a token at its time, also one that was shown before', async () => {
    table.set([
      { id: 'old', sha256: sha256(TOKEN), notAfter: clock.now() + 1_000 },
      { id: 'new', sha256: sha256('new') },
    ]);
    expect(table.verify(TOKEN)).toBe('old');
    await clock.advance(999);
    expect(table.verify(TOKEN)).toBe('old');
    await clock.advance(1);

    expect([table.verify(TOKEN), table.verify('new')]).toEqual([undefined, 'new']);
  });

  it('forgets those it had when it gets others', () => {
    table.set([{ id: 'one', sha256: sha256(TOKEN) }]);
    table.verify(TOKEN);

    table.set([{ id: 'two', sha256: sha256('two') }]);

    expect([table.verify(TOKEN), table.verify('two')]).toEqual([undefined, 'two']);
  });

  it.each(['', 'zz', sha256(TOKEN).slice(2)])('takes nothing for the hash %j', (hash) => {
    table.set([{ id: 'one', sha256: hash }]);

    expect([table.verify(TOKEN), table.verify('')]).toEqual([undefined, undefined]);
  });
});

it.each([
  ['a', 'a', true],
  ['', '', true],
  ['ab', 'a', false],
  ['a', 'ab', false],
  ['', 'a', false],
  ['ab', 'ac', false],
])('%j and %j are equal: %s', (a, b, equal) => {
  expect(equalsInConstantTime(a, b)).toBe(equal);
});
