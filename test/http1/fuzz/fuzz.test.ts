import { expect, it } from 'vitest';
import { compare } from './compare.ts';

const CASES = 20_000;
const seed = Number(process.env['HTTP1_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

it(`takes no message that llhttp refuses, and of the others the same (seed ${seed})`, () => {
  const { alike, refused, stricter, disagreements } = compare(CASES, seed);
  expect(disagreements).toEqual([]);
  // A fuzz that only makes garbage, or only good messages, shows nothing.
  expect(alike).toBeGreaterThan(CASES / 5);
  expect(refused).toBeGreaterThan(CASES / 10);
  expect(stricter).toBeGreaterThan(CASES / 50);
});
