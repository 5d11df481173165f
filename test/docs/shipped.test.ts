import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };

/** npm ships these whatever `files` says. */
const ALWAYS = ['README.md', 'LICENSE', 'package.json'];

const shipped = (path: string) =>
  [...files, ...ALWAYS].some((file) => path === file || path.startsWith(`${file}/`));

const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
);

it.each(pages)('%s is in the package, and so is what it links to', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const links = [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#]+)(?:#[^)]*)?\)/g)];
  const targets = links.map(([, link = '']) => relative(ROOT, resolve(ROOT, dirname(page), link)));
  expect([page, ...targets].filter((target) => !shipped(target))).toEqual([]);
});
