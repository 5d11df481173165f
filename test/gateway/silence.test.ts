import { expect, it } from 'vitest';
import { Silence } from '../../src/gateway/silence.ts';

it('counts silence from the look that saw the last progress', () => {
  const silence = new Silence(0);
  expect(silence.lasting(10, 100)).toBeUndefined();
  expect(silence.lasting(10, 150)).toBe(50);
  expect(silence.lasting(11, 200)).toBeUndefined();
  expect([silence.lasting(11, 230), silence.sinceSeen(240)]).toEqual([30, 40]);
});

it('begins again with what the byte count does not show', () => {
  const silence = new Silence(0);
  silence.lasting(10, 100);
  silence.interrupted(180);
  expect(silence.lasting(10, 200)).toBe(20);
});
