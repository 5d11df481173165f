import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { manifest, tree } from './tree.ts';

const page = readFileSync(new URL('../../docs/dependencies.md', import.meta.url), 'utf8');
const names = Object.keys(manifest.dependencies);

/** `| name | what for | packages | only for it | size | instead |` */
const rows = [...page.matchAll(/^\| `([^`]+)` \|(.+)\|$/gm)].map(([, name = '', rest = '']) => {
  const [what, packages, own, size, instead] = rest.split('|').map((cell) => cell.trim());
  return { name, what, packages: Number(packages), own: Number(own), size, instead };
});

it('gives every package its row, in the order of package.json, and no other', () => {
  expect(rows.map(({ name }) => name)).toEqual(names);
});

it.each(rows)('says what $name is for, how large it is, and what would replace it', (row) => {
  expect(row.what?.length).toBeGreaterThan(10);
  expect(row.size).toMatch(/^\d+(\.\d)? (kB|MB)$/);
  expect(row.instead?.length).toBeGreaterThan(3);
});

it.each(rows)('counts what $name brings, and what nothing else needs', ({ name, packages, own }) => {
  const others = tree(names.filter((other) => other !== name));
  const whole = [...tree([name])];
  expect({ packages, own }).toEqual({
    packages: whole.length,
    own: whole.filter((path) => !others.has(path)).length,
  });
});

it('says how many packages an installation has', () => {
  expect(page).toContain(`**${tree(names).size} packages**`);
});
