import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { usageOf } from '../../src/cli/parse.ts';
import { spelling } from '../../src/cli/render/help.ts';
import { VERBS } from '../../src/cli/verbs.ts';

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');

it.each(Object.entries(VERBS))('docs/cli.md describes `tunneld %s` as it is', async (verb, load) => {
  const command = await load();
  const section = page.split(/^## /m).find((text) => text.startsWith(`${verb}\n`)) ?? '';
  expect(section).toContain(`    ${usageOf(command)}\n`);
  const documented = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, option]) => option);
  expect(documented).toEqual(Object.entries(command.options).map(([name, option]) => spelling(name, option)));
  const promisesJson = section.includes('`--json`: ');
  expect(promisesJson).toBe('json' in command.options);
});
