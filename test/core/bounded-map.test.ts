import { expect, it } from 'vitest';
import { BoundedMap } from '../../src/core/bounded-map.ts';

it('forgets what was set longest ago, and nothing else', () => {
  const map = new BoundedMap<string, number>(3);
  for (const [index, key] of ['a', 'b', 'c'].entries()) map.set(key, index);
  map.set('a', 9);
  map.set('d', 4);
  expect([...map]).toEqual([
    ['c', 2],
    ['a', 9],
    ['d', 4],
  ]);
  expect([map.get('b'), map.size, map.delete('a'), map.delete('a')]).toEqual([undefined, 3, true, false]);
  map.clear();
  expect(map.size).toBe(0);
});
