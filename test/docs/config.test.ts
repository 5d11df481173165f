import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { parseConfig } from '../../src/config/load.ts';
import { documentedKeys } from './documented-keys.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const page = readFileSync(join(DOCS, 'config.md'), 'utf8');

const keys = documentedKeys(configJsonSchema());

describe('docs/config.md', () => {
  it('explains every key, with its default, in the words of the schema', () => {
    const rows = page.split('\n').filter((line) => /^\| `[a-z][\w.]*` \|.*\|.*\|/.test(line));
    expect(keys.length).toBeGreaterThan(20);
    expect(rows).toEqual(keys.map((key) => `| \`${key.path}\` | ${key.default} | ${key.description} |`));
  });

  it('shows every key in an example that is valid', () => {
    const [, example = ''] = /```yaml\n(\$schema:[\s\S]*?)```/.exec(page) ?? [];
    expect(Object.keys(parseConfig(example, 'example', {}).tunnels)).toEqual([
      'figma',
      'legacy',
      'files',
      'build-server',
      'notes',
    ]);
    const document = parseDocument(example);
    const missing = keys.filter(({ path }) => {
      const places = path.startsWith('daemon.')
        ? ['']
        : ['tunnels.figma.', 'tunnels.legacy.', 'tunnels.files.', 'tunnels.build-server.', 'tunnels.notes.'];
      return !places.some((place) => document.hasIn(`${place}${path}`.split('.')));
    });
    expect(missing).toEqual([]);
  });

  it('names every variable that has a meaning, and no other', () => {
    const sources = ['paths.ts', 'environment.ts'].map((name) =>
      readFileSync(join(DOCS, '../src/config', name), 'utf8'),
    );
    const used = new Set(sources.join('').match(/\bTUNNELD_[A-Z_]*[A-Z]\b/g));
    const documented = [...page.matchAll(/^\| `(TUNNELD_\w+)` \|/gm)].map(([, name]) => name);
    expect(documented.sort()).toEqual([...used].sort());
  });
});

describe('docs/tunneld.schema.json', () => {
  it('is up to date; `npm run schema` writes it', () => {
    const written: unknown = JSON.parse(readFileSync(join(DOCS, 'tunneld.schema.json'), 'utf8'));
    expect(written).toEqual(configJsonSchema());
  });
});
