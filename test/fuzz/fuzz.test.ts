import { expect, it } from 'vitest';
import { compare } from './http1/compare.ts';
import { fuzz, TARGETS } from './targets.ts';

const CASES = 20_000;
const seed = Number(process.env['TUNNELD_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

it(`takes no message that llhttp refuses, and of the others the same (seed ${seed})`, () => {
  const { alike, refused, stricter, disagreements } = compare(CASES, seed);
  expect(disagreements).toEqual([]);
  // A fuzz that only makes garbage, or only good messages, shows nothing.
  expect(alike).toBeGreaterThan(CASES / 5);
  expect(refused).toBeGreaterThan(CASES / 10);
  expect(stricter).toBeGreaterThan(CASES / 50);
});

it.each(TARGETS)(`holds against made-up $name (seed ${seed})`, async (target) => {
  const { ran, found } = await fuzz(target, 2_000, seed);

  expect(found).toBeUndefined();
  expect(ran).toBeGreaterThan(10);
});
