import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { entryText, withTunnel } from '../../src/config/config-entry.ts';

const SPEC = { port: 3845, provider: 'pinggy', pinggy: { token: 'file:/x/t', keys: ['file:/x/k'] } };

const FILES: readonly (readonly [what: string, text: string])[] = [
  ['nothing', ''],
  ['a comment alone', '# my tunnels\n'],
  ['no tunnels', 'daemon:\n  relayPort: 0 # free\n'],
  ['no tunnels and no line break', 'daemon: { relayPort: 0 }'],
  ['tunnels without any', '# top\ntunnels:\n\ndaemon:\n  relayPort: 0\n'],
  ['tunnels without any, and a comment', 'tunnels: # none yet\n'],
  ['one tunnel', 'tunnels:\n  notes:\n    port: 1 # why\n'],
  ['one tunnel and no line break', 'tunnels:\n  notes:\n    port: 1'],
  [
    'four blanks',
    '# top\n\ntunnels:\n    notes:\n        port: 1\n        access:\n            queryToken: true\n',
  ],
  [
    'tunnels in the middle',
    'tunnels:\n  a: {port: 1}\n  # about b\n  b:\n    port: 2\n\n# the daemon\ndaemon:\n  relayPort: 0\n',
  ],
  ['comments behind the last', 'tunnels:\n  a:\n    port: 1\n  # c:\n  #   port: 3\n'],
  [
    'a list at the end',
    'tunnels:\n  a:\n    port: 1\n    access:\n      origins:\n        - https://a.example # one\n        - https://b.example\n',
  ],
  [
    'a text block at the end',
    'tunnels:\n  a:\n    port: 1\n    ngrok:\n      metadata: |\n        two\n        lines\n',
  ],
  ['line breaks of Windows', '# top\r\ntunnels:\r\n  a:\r\n    port: 1\r\n'],
  ['a marker of the end', 'tunnels:\n  a:\n    port: 1\n...\n'],
  ['a marker of the start', '---\n# top\ntunnels:\n  a:\n    port: 1\n'],
  ['quoted keys', '"tunnels":\n  "a": {"port": 1}\n'],
];

it.each(FILES)('adds a tunnel to %s and leaves every other byte as it was', (_, text) => {
  const edited = withTunnel(text, 'figma', SPEC);
  expect(parse(edited)).toEqual(added(text));
  const lines = edited.split('\n');
  const kept = text.split('\n').filter((line) => line !== '');
  expect(lines.filter((line) => kept.includes(line))).toEqual(expect.arrayContaining(kept));
  // What was added is one block; without it, the file is what it was.
  const start = lines.findIndex((line) => /^\s+figma:/.test(line));
  const header = lines[start - 1] === 'tunnels:' && !kept.includes('tunnels:') ? 1 : 0;
  const rest = [...lines.slice(0, start - header), ...lines.slice(start + blockLines())].join('\n');
  expect(rest.trimEnd()).toBe(text.trimEnd());
});

it.each([
  ['empty braces', 'tunnels: {} # none\ndaemon: { relayPort: 0 } # free\n'],
  ['braces', '# top\ntunnels: { a: { port: 1 } }\n# end\n'],
  ['a root in braces', '{ tunnels: { a: { port: 1 } } }\n'],
  ['a null', 'tunnels: null\n'],
])('adds a tunnel to %s, comments kept', (_, text) => {
  const edited = withTunnel(text, 'figma', SPEC);
  expect(parse(edited)).toEqual(added(text));
  for (const [comment] of text.matchAll(/#.*/g)) expect(edited).toContain(comment);
});

it('puts another definition in the place of one, and touches no other', () => {
  const text =
    '# top\ntunnels:\n  # about a\n  a:\n    port: 1 # gone\n    path: /sse\n  # about b\n  b: { port: 2 } # stays\n';
  expect(withTunnel(text, 'a', { port: 9 })).toBe(
    '# top\ntunnels:\n  # about a\n  a:\n    port: 9\n  # about b\n  b: { port: 2 } # stays\n',
  );
  expect(withTunnel(text, 'b', { port: 9 })).toBe(
    '# top\ntunnels:\n  # about a\n  a:\n    port: 1 # gone\n    path: /sse\n  # about b\n  b:\n    port: 9\n',
  );
});

it.each([
  ['an alias', 'x: &t\n  a: {port: 1}\ntunnels: *t\n'],
  ['a merge', 'tunnels:\n  a: &a\n    port: 1\n  b: *a\n'],
])('refuses, or keeps the meaning of, %s', (_, text) => {
  let edited: string | undefined;
  try {
    edited = withTunnel(text, 'a', SPEC);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_UNWRITABLE' });
  }
  if (edited !== undefined) expect(parse(edited).tunnels).toEqual({ ...parse(text).tunnels, a: SPEC });
});

it('survives values that mean something to YAML', () => {
  fc.assert(
    fc.property(fc.constantFrom(...FILES.map(([, text]) => text)), fc.array(fc.string()), (text, values) => {
      const spec = { port: 1, command: values, env: { A: values.join('\n') } };
      expect(parse(withTunnel(text, 'figma', spec)).tunnels.figma).toEqual(spec);
    }),
    { numRuns: 300, seed: 1 },
  );
});

function added(text: string): unknown {
  const { tunnels, ...rest } = (parse(text) ?? {}) as { tunnels?: object | null };
  return { ...rest, tunnels: { ...tunnels, figma: SPEC } };
}

function blockLines(): number {
  return entryText('figma', SPEC).trimEnd().split('\n').length;
}
