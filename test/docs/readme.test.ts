import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { resolveVerb } from '../../src/cli/resolve-verb.ts';
import { ALIASES, VERBS } from '../../src/cli/verbs.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const pages = ['README.md', ...readdirSync(path.join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md') && existsSync(path.join(ROOT, name)),
);

describe.each(pages)('%s', (page) => {
  const text = readFileSync(path.join(ROOT, page), 'utf8');

  test('names only files that exist', () => {
    const links = [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(
      ([, link = '']) => link,
    );
    const missing = links.filter((link) => !existsSync(path.resolve(ROOT, path.dirname(page), link)));
    expect(missing).toEqual([]);
  });

  test('shows only command lines that the command line understands', async () => {
    const mistakes: string[] = [];
    // A shell joins lines that end with a backslash.
    for (const line of commandLines(text.replaceAll('\\\n', ' '))) {
      const problem = await problemOf(line);
      if (problem !== undefined) mistakes.push(`tunneld ${line}: ${problem}`);
    }
    expect(mistakes).toEqual([]);
  });
});

test('the README is short: what is longer is a document of its own', () => {
  expect(readFileSync(path.join(ROOT, 'README.md'), 'utf8').split('\n').length).toBeLessThan(160);
});

test('the list of documents has each of them', () => {
  const list = readFileSync(path.join(ROOT, 'docs/README.md'), 'utf8');
  const documents = readdirSync(path.join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.\w+$/.test(name) && name !== 'README.md')
    .map((name) => name.split(path.sep).join('/'));
  expect(documents.filter((name) => !list.includes(`](${name})`))).toEqual([]);
});

test('the README calls the test command that CI runs', () => {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const ci = readFileSync(path.join(ROOT, '.ci/run'), 'utf8');
  expect(readme).toContain('npm install && npm test');
  expect(ci).toMatch(/^npm install .*&& npm test$/m);
});

/** What follows `tunneld` in code spans and at the start of lines of code blocks. */
function commandLines(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```(?:sh|console)?\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
    block.split('\n'),
  );
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...blocks, ...spans]
    .map((line) => /^\s*(?:\$ )?(?:npm install && )?(?:npx )?tunneld (.*)$/.exec(line)?.[1])
    .filter((line) => line !== undefined)
    .map((line) => line.replace(/\s(?:[|>#]|&&).*$/, '').trim());
}

/** `…`, `<name>` and `[name]` stand for words of the reader's own. */
async function problemOf(line: string): Promise<string | undefined> {
  const words = line.split(/\s+/).filter((word) => word !== '…' && !word.startsWith('['));
  if (words[0] === undefined || /^[-<]/.test(words[0])) return undefined;
  try {
    const resolved = await resolveVerb(words, { verbs: VERBS, aliases: ALIASES });
    if ('group' in resolved) return undefined;
    const command = await resolved.load();
    const rest = resolved.rest.map((word) => word.replace(/^<(.*)>$/, '$1'));
    // A verb named in passing needs none of its words.
    if (rest.length > 0 && !rest.includes('--help')) await parseCommandLine(command, rest);
    return undefined;
  } catch (error) {
    return String(error);
  }
}
