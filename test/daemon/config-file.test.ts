import { renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import { ConfigFile } from '../../src/daemon/config-file.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { tempFolder } from '../helpers/temp-folder.ts';

const TWO = 'tunnels:\n  figma:\n    port: 3845\n  notes:\n    port: 8080\n';

/** A file that is read when it was changed, as the daemon does. */
function configFile({ configRequired = false } = {}) {
  const file = join(tempFolder(), 'tunneld.yaml');
  writeFileSync(file, TWO);
  const clock = new FakeClock();
  const read: ConfigFile = new ConfigFile({
    paths: { configFile: file, configRequired },
    env: {},
    clock,
    initial: parseConfig(TWO, file, {}),
    onNote: () => {},
    onDue: () => read.read(true),
  });
  return { file, clock, read, names: () => Object.keys(read.current.tunnels) };
}

it.each([
  ['goes away', (file: string) => rmSync(file), /tunneld\.yaml is gone; its tunnels are kept: figma, notes/],
  ['is cut to nothing', (file: string) => truncateSync(file), /is empty; its tunnels are kept/],
  ['holds only blank lines', (file: string) => writeFileSync(file, '\n  \n'), /is empty/],
])('a file that %s for a moment changes nothing, and is said', async (_what, act, says) => {
  const { file, clock, read, names } = configFile();
  act(file);
  read.read(false);
  await clock.advance(30_000);
  expect(names()).toEqual(['figma', 'notes']);
  expect(read.error?.message).toMatch(says);
  expect(read.error?.remedy).toContain('kill -HUP');
  writeFileSync(file, TWO);
  read.read(false);
  expect(read.error).toBeUndefined();
  await clock.advance(120_000);
  expect(names()).toEqual(['figma', 'notes']);
});

it('a file that stays away is taken at its word after a minute', async () => {
  const { file, clock, read, names } = configFile();
  rmSync(file);
  read.read(false);
  await clock.advance(61_000);
  expect(names()).toEqual([]);
  expect(read.error).toBeUndefined();
});

it('a file that stays away is taken at its word at once when the user asks for it', () => {
  const { file, read, names } = configFile();
  rmSync(file);
  read.read(true);
  expect(names()).toEqual([]);
});

it('a file that was named by the user has to exist: its tunnels are kept for good', async () => {
  const { file, clock, read, names } = configFile({ configRequired: true });
  rmSync(file);
  read.read(false);
  await clock.advance(120_000);
  read.read(true);
  expect(names()).toEqual(['figma', 'notes']);
  expect(read.error?.code).toBe('CONFIG_INVALID');
});

it('a file that is written in pieces loses no tunnel on the way', async () => {
  const { file, clock, read, names } = configFile();
  // The first piece is valid by itself.
  writeFileSync(file, TWO.slice(0, TWO.indexOf('  notes')).replace('3845', '3846'));
  read.read(false);
  expect(names().sort()).toEqual(['figma', 'notes']);
  expect(read.current.tunnels['figma']).toMatchObject({ port: 3846 });
  await clock.advance(500);
  writeFileSync(`${file}.new`, TWO);
  renameSync(`${file}.new`, file);
  read.read(false);
  await clock.advance(120_000);
  expect(names()).toEqual(['figma', 'notes']);
  expect(clock.pending).toBe(0);
});

it('a tunnel that is taken out of the file is gone when the file was left alone', async () => {
  const { file, clock, read, names } = configFile();
  writeFileSync(file, TWO.slice(0, TWO.indexOf('  notes')));
  read.read(false);
  await clock.advance(2_000);
  expect(names()).toEqual(['figma']);
});
