import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Redactor } from '../../src/core/redact.ts';
import { Secret } from '../../src/core/secret.ts';
import { LogBook } from '../../src/daemon/log-book.ts';
import { LogFile } from '../../src/daemon/log-file.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { canMount, smallDisk } from '../helpers/small-disk.ts';
import { waitFor } from '../helpers/wait-for.ts';

let directory: string;
const redactor = new Redactor();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tunneld-log-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(limits = { maxFileBytes: 65_536, maxTotalBytes: 196_608 }, clock = new FakeClock()): LogFile {
  return new LogFile({ directory, name: 'figma', ...limits, redactor, clock });
}

it('rotates to numbered files, the newest first, and stays below its cap', async () => {
  const log = open();
  for (let index = 0; index < 4_000; index++) {
    log.write(`${JSON.stringify({ index, filler: 'x'.repeat(180) })}\n`);
    // A burst beyond the queue would be dropped, which is another test.
    if (index % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await log.close();
  expect(readdirSync(directory).sort()).toEqual(['figma.1.log', 'figma.2.log', 'figma.log']);
  const total = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  expect(total).toBeLessThanOrEqual(196_608 + 3 * 1_024);
  const first = (name: string) =>
    JSON.parse(readFileSync(join(directory, name), 'utf8').split('\n')[0] ?? '').index;
  expect(first('figma.2.log')).toBeLessThan(first('figma.1.log'));
});

it('is readable by nobody else, even where an older file was', async () => {
  writeFileSync(join(directory, 'figma.log'), '', { mode: 0o644 });
  const log = open();
  log.write('{}\n');
  await log.close();
  expect(statSync(join(directory, 'figma.log')).mode & 0o777).toBe(0o600);
});

it('drops and counts what a stalled disk cannot take, instead of holding it', () => {
  const log = open();
  const line = `${'x'.repeat(1_000)}\n`;
  for (let index = 0; index < 5_000; index++) log.write(line);
  expect(log.dropped).toBeGreaterThan(3_000);
  return log.close();
});

it.runIf(canMount())('says after a full disk how many lines are missing, in a line of its own', async () => {
  const disk = smallDisk();
  if (disk === undefined) throw new Error('no disk of its own');
  const clock = new FakeClock();
  const options = { name: 'figma', maxFileBytes: 65_536, maxTotalBytes: 131_072, redactor, clock };
  const log = new LogFile({ ...options, directory: disk.folder });
  const file = join(disk.folder, 'figma.log');
  let written = 0;
  const write = async (lines: number) => {
    for (let i = 0; i < lines; i++)
      log.write(`${JSON.stringify({ line: written++, filler: 'x'.repeat(300) })}\n`);
    await log.settled();
  };
  await write(10);
  disk.fill();
  // The first of them still fit into the block that the file has; one is torn in the middle.
  for (let i = 0; i < 30; i++) await write(1);
  disk.free();
  await clock.advance(6_000);
  await write(10);
  await log.close();
  const kept = readFileSync(file, 'utf8').split('\n');
  const read = kept.flatMap((line) => {
    try {
      return [JSON.parse(line) as { line?: number; dropped?: number }];
    } catch {
      return [];
    }
  });
  const lost = read.reduce((sum, { dropped = 0 }) => sum + dropped, 0);
  expect(lost).toBeGreaterThan(0);
  expect(read.filter(({ line }) => line !== undefined).length + lost).toBe(written);
  expect(log.dropped).toBe(lost);
});

it('goes on without a file where none can be written', async () => {
  rmSync(directory, { recursive: true });
  writeFileSync(directory, 'a file is in the way');
  const log = open();
  log.write('{}\n');
  expect(log.dropped).toBe(1);
  await log.close();
});

it('takes secrets out of lines by their value', async () => {
  redactor.add(new Secret('hunter2-marker'));
  const log = open();
  log.write('{"cause":"the provider said: bad token hunter2-marker"}\n');
  await log.close();
  expect(readFileSync(join(directory, 'figma.log'), 'utf8')).toBe(
    '{"cause":"the provider said: bad token [redacted]"}\n',
  );
});

it('takes them out of the copy for standard output as well', async () => {
  redactor.add(new Secret('hunter3-marker'));
  const printed: string[] = [];
  const log = new LogBook({
    directory,
    level: 'info',
    maxFileBytes: 65_536,
    maxTotalBytes: 196_608,
    redactor,
    clock: new FakeClock(),
    copy: { write: (line) => void printed.push(line) },
  });
  log.tunnel('figma').info({ cause: 'the provider said: bad token hunter3-marker' }, 'it ended');
  await log.close();
  expect(printed).toEqual([expect.stringContaining('bad token [redacted]')]);
  expect(printed.join('')).toBe(readFileSync(join(directory, 'figma.log'), 'utf8'));
});

it.each([
  ['the file was moved away', () => renameSync(join(directory, 'figma.log'), join(directory, 'old'))],
  ['the file was removed', () => rmSync(join(directory, 'figma.log'))],
  ['the folder was removed', () => rmSync(directory, { recursive: true })],
])('goes on in a new file after %s', async (_what, act) => {
  const clock = new FakeClock();
  const log = open(undefined, clock);
  const text = () => readFileSync(join(directory, 'figma.log'), 'utf8');
  log.write('before\n');
  await waitFor(() => text() === 'before\n');
  await clock.advance(1_000);
  act();
  await clock.advance(1_000);
  log.write('after\n');
  await waitFor(() => text() === 'after\n', { what: 'a new file' });
  await log.close();
  expect(log.dropped).toBe(0);
});
