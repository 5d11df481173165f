import { expect, it } from 'vitest';
import { readDuration } from '../../src/core/duration.ts';

it.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['1.5m', 90_000],
  ['1h', 3_600_000],
  ['7d', 604_800_000],
  [' 2 minutes ', 120_000],
  ['0', 0],
  ['0s', 0],
])('reads %s as %i milliseconds', (text, expected) => expect(readDuration(text)).toEqual({ ms: expected }));

it.each(['90', '5000', '1.5', ' 10 '])('refuses %s, and says how to write it', (text) => {
  const written = text.trim();
  const fault = `has no unit: write ${written}s for seconds or ${written}ms for milliseconds`;
  expect(readDuration(text)).toEqual({ fault });
});

it.each(['', ' ', 'soon', '-1s', '-5', 'NaN', 'Infinity', '1e3', '0x10', '5 parsecs', `${'9'.repeat(60)}s`])(
  'refuses %j',
  (text) => expect(readDuration(text)).toEqual({ fault: 'is not a duration: write it like 30s, 5m or 1h' }),
);
