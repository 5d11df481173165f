import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { relay } from '../../src/cli/commands/relay.ts';
import { spelling } from '../../src/cli/render/help.ts';
import { relayJsonSchema } from '../../src/relayd/settings/json-schema.ts';
import { documentedKeys } from './documented-keys.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const read = (file: string) => readFileSync(join(DOCS, file), 'utf8');

const keys = documentedKeys(relayJsonSchema());

it('docs/relay.md explains every key, with its default, in the words of the schema', () => {
  const [, settings = ''] = /\n## Settings\n([\s\S]*?)\n## /.exec(read('relay.md')) ?? [];
  const rows = settings.split('\n').filter((line) => /^\| `\w+` \|/.test(line));
  expect(keys.length).toBeGreaterThan(20);
  expect(rows).toEqual(keys.map((key) => `| \`${key.path}\` | ${key.default} | ${key.description} |`));
});

it('docs/cli.md says of every option what its help says', () => {
  const [, section = ''] = /\n## relay\n([\s\S]*?)\n## /.exec(read('cli.md')) ?? [];
  const rows = section.split('\n').filter((line) => line.startsWith('| `--'));
  const options = Object.entries(relay.options).map(([name, option]) => {
    const more = option.multiple === true ? ' (repeatable)' : '';
    return `| \`${spelling(name, option)}\` | ${option.summary}${more} |`;
  });
  expect(rows).toEqual(options);
});

describe('docs/relay.schema.json', () => {
  it('is up to date; `npm run schema` writes it', () => {
    expect(JSON.parse(read('relay.schema.json'))).toEqual(relayJsonSchema());
  });

  it('is in the package, and the example and the guide lead to it', () => {
    const { exports } = JSON.parse(read('../package.json')) as { exports: Record<string, string> };
    expect(exports['./relay.schema.json']).toBe('./docs/relay.schema.json');
    const line = '# yaml-language-server: $schema=/usr/lib/node_modules/tunneld/docs/relay.schema.json\n';
    expect(read('examples/relay.yaml').startsWith(line)).toBe(true);
    expect(read('relay.md')).toContain(line);
  });
});
