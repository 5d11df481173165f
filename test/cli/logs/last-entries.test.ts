import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lastEntries } from '../../../src/cli/logs/last-entries.ts';
import { chooseLogs } from '../../../src/cli/logs/log-files.ts';
import { tempFolder } from '../../helpers/temp-folder.ts';

const ALL = { since: Number.NEGATIVE_INFINITY, level: 'debug' } as const;

function entry(number: number, level = 'info', padding = ''): string {
  return `${JSON.stringify({ time: new Date(number).toISOString(), level, tunnel: 'figma', number, padding })}\n`;
}

async function numbers(dir: string, limit: number, filter: Parameters<typeof lastEntries>[2] = ALL) {
  const [files] = await chooseLogs(dir, 'figma');
  if (files === undefined) throw new Error('no log');
  const { entries, end } = await lastEntries(files, limit, filter);
  return { numbers: entries.map(({ fields }) => fields['number']), end };
}

it('finds the same last lines as reading everything would, however lines and files are cut', async () => {
  const line = fc.record({
    padding: fc.nat({ max: 40_000 }),
    level: fc.constantFrom('debug', 'info', 'error'),
  });
  const files = fc.array(fc.array(line, { maxLength: 12 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(files, fc.nat({ max: 40 }), async (oldestFirst, limit) => {
      const dir = tempFolder();
      let number = 0;
      const wanted: number[] = [];
      for (const [index, lines] of oldestFirst.entries()) {
        const rotation = oldestFirst.length - 1 - index;
        const text = lines.map(({ padding, level }) => {
          number += 1;
          if (level !== 'debug') wanted.push(number);
          // Two bytes each: chunks are cut inside characters too.
          return entry(number, level, 'ä'.repeat(padding));
        });
        writeFileSync(join(dir, rotation === 0 ? 'figma.log' : `figma.${rotation}.log`), text.join(''));
      }
      const found = await numbers(dir, limit, { ...ALL, level: 'info' });
      expect(found.numbers).toEqual(limit === 0 ? [] : wanted.slice(-limit));
    }),
    { numRuns: 40 },
  );
});

it('leaves out what is older than asked for, and does not open the files that are', async () => {
  const dir = tempFolder();
  writeFileSync(join(dir, 'figma.2.log'), 'never to be read\n');
  writeFileSync(join(dir, 'figma.1.log'), entry(1) + entry(2));
  writeFileSync(join(dir, 'figma.log'), entry(3) + entry(4));
  expect((await numbers(dir, 10, { ...ALL, since: 2 })).numbers).toEqual([2, 3, 4]);
});

it('leaves a line that is still being written to whoever reads on', async () => {
  const dir = tempFolder();
  writeFileSync(join(dir, 'figma.log'), entry(1) + entry(2).slice(0, -5));
  expect(await numbers(dir, 10)).toEqual({ numbers: [1], end: entry(1).length });
});

it('skips what is no entry, such as half a line of a daemon that was killed', async () => {
  const dir = tempFolder();
  writeFileSync(
    join(dir, 'figma.log'),
    `${entry(1)}{"time":"2026-\n[]\nnull\n{"level":"info"}\n\n${entry(2)}`,
  );
  expect((await numbers(dir, 10)).numbers).toEqual([1, 2]);
});

it('finds nothing in an empty file, and says where to read on', async () => {
  const dir = tempFolder();
  writeFileSync(join(dir, 'figma.log'), '');
  expect(await numbers(dir, 10)).toEqual({ numbers: [], end: 0 });
});
