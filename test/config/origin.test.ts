import { expect, it } from 'vitest';
import { origin } from '../../src/config/fields.ts';

it.each([
  ['https://app.example.com', 'https://app.example.com'],
  ['HTTPS://App.Example.com/', 'https://app.example.com'],
  ['https://app.example.com:443', 'https://app.example.com'],
  ['http://localhost:6274', 'http://localhost:6274'],
  ['chrome-extension://abcdefgh', 'chrome-extension://abcdefgh'],
  ['vscode-file://vscode-app/', 'vscode-file://vscode-app'],
  ['moz-extension://0-a', 'moz-extension://0-a'],
  ['null', 'null'],
  ['NULL', 'null'],
])('the origin %s is what a browser sends as %s', (written, sent) => {
  expect(origin.parse(written)).toBe(sent);
});

it.each([
  '',
  '*',
  'app.example',
  'https://',
  'https://*.example.com',
  'https://a.example/x',
  'https://a.example?x',
  'https://user@a.example',
  'https://a b',
  'https://a.example:99999',
  'nulls',
  'file:',
])('%j is no origin', (written) => {
  expect(origin.safeParse(written).success).toBe(false);
});
