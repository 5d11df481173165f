import { expect, it } from 'vitest';
import { newAccessToken } from '../../src/config/access-token.ts';
import { made, rotated, usable } from '../../src/daemon/tokens.ts';

const HOUR = 3_600_000;
const valuesOf = (tokens: readonly { value: { reveal(): string } }[]) =>
  tokens.map(({ value }) => value.reveal());

it('a second rotation does not prolong the grace of the first', () => {
  const first = made(newAccessToken(), 0);
  const once = rotated([first], 0, HOUR);
  const twice = rotated(once, HOUR / 2, 24 * HOUR);
  expect(twice).toHaveLength(3);
  expect(valuesOf(usable(twice, HOUR - 1))).toContain(first.value.reveal());
  expect(valuesOf(usable(twice, HOUR))).not.toContain(first.value.reveal());
});

it('a rotation shortens a longer grace, and without one only the new token works', () => {
  const first = made(newAccessToken(), 0);
  const once = rotated([first], 0, 24 * HOUR);
  expect(valuesOf(usable(rotated(once, 0, HOUR), HOUR))).not.toContain(first.value.reveal());
  const [only, ...others] = rotated(once, 0, 0);
  expect(others).toEqual([]);
  expect(only?.value.reveal()).not.toBe(once[0]?.value.reveal());
});
