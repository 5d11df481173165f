import { expect, it } from 'vitest';
import { z } from 'zod';
import { keysAt } from '../../src/config/schema-forms.ts';

const entry = z.strictObject({ token: z.string(), names: z.array(z.string()) });
const schema = z.object({
  list: z.array(z.union([z.string(), entry])).default([]),
  byName: z.record(z.string(), entry).optional(),
});

it.each([
  [[], ['list', 'byName']],
  [
    ['list', '0'],
    ['token', 'names'],
  ],
  [
    ['byName', 'x'],
    ['token', 'names'],
  ],
  [['list', '0', 'names'], []],
  [['toString'], []],
])('the keys at %j are %j, through lists, records, unions and defaults', (path, keys) => {
  expect(keysAt(schema, path)).toEqual(keys);
});
