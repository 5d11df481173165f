// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of a shell
import { expect, it } from 'vitest';
import { readEnvFile } from '../../../src/cli/import/env-file.ts';

const read = (text: string) => {
  const { values, remarks } = readEnvFile(text, '.env');
  return { values: Object.fromEntries(values), remarks };
};

it.each([
  ['A=1\nB=two words\n', { A: '1', B: 'two words' }],
  ['export A=1', { A: '1' }],
  ['A=1\r\nB=2\r\n', { A: '1', B: '2' }],
  ['\uFEFFA=1', { A: '1' }],
  ['# a comment\n\nA=1 # why\n', { A: '1' }],
  ['A="x # y"\nB=\'x # y\'', { A: 'x # y', B: 'x # y' }],
  ['A=`it\'s "so"`', { A: 'it\'s "so"' }],
  ['A="one\\ntwo"\nB=\'one\\ntwo\'', { A: 'one\ntwo', B: 'one\\ntwo' }],
  ['A="one\ntwo"\nB=2', { A: 'one\ntwo', B: '2' }],
  ['A="one\r\nB=hidden\r\ntwo"', { A: 'one\nB=hidden\ntwo' }],
  ['A=\nB=""', { A: '', B: '' }],
  ['A: yes', { A: 'yes' }],
  ['  A = 1  ', { A: '1' }],
  ['A="say \\"so\\""', { A: 'say \\"so\\"' }],
])('reads %j as dotenv does', (text, values) => {
  expect(read(text)).toEqual({ values, remarks: [] });
});

it.each([
  ['A=1\nnonsense\nB=2', { A: '1', B: '2' }, 'line 2 is no KEY=value and is left out'],
  ['A=pass#word', { A: 'pass' }, 'line 1: the value of A ends before its #'],
  ['A=${B}/x', { A: '${B}/x' }, 'line 1: A has a $ in it; it is taken as it is'],
  ['A=1\nA=1', { A: '1' }, 'A is there 2 times with one value (lines 1, 2)'],
  ['A="x" y', { A: '"x" y' }, 'line 1: there is text behind the value of A in quotes'],
])('says what dotenv does with %j without a word', (text, values, remark) => {
  const found = read(text);
  expect(found.values).toEqual(values);
  expect(found.remarks).toEqual([expect.stringContaining(remark)]);
});

it.each([
  ['A=1\nB=2\nA=3', '.env gives A different values in lines 1 and 3'],
  ['A="open\nB=2', '.env:1 A: the " that begins the value is never closed'],
  ["A='open", ".env:1 A: the ' that begins the value is never closed"],
  ['A\u0000=\u00001', 'UTF-16'],
])('refuses %j', (text, why) => {
  expect(() => read(text)).toThrow(why);
});

it('says no value in any of it', () => {
  const text = 'A=my-secret#tail\nB=${my-secret}\nC=my-secret\nC=my-secret\nmy-secret in a line of its own\n';
  expect(JSON.stringify(read(text).remarks)).not.toContain('my-secret');
  expect(() => read('A=my-secret\nA=other')).toThrow(/^(?!.*my-secret)/);
  expect(() => read('A="my-secret')).toThrow(/^(?!.*my-secret)/);
});
