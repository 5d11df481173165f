import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { placeOf } from '../../src/daemon/place.ts';
import { tempFolder } from '../helpers/temp-folder.ts';

it('is the same for a folder that was removed and made anew, and by whatever way it is reached', () => {
  const folder = join(tempFolder(), 'state');
  mkdirSync(folder);
  const place = placeOf(folder);
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  expect(placeOf(folder)).toBe(place);
  const link = `${folder}-link`;
  symlinkSync(folder, link);
  expect(placeOf(link)).toBe(place);
});

it('is another one for every folder, and names neither folder nor user', () => {
  const [one, other] = [placeOf(tempFolder()), placeOf(tempFolder())];
  expect(one).not.toBe(other);
  for (const place of [one, other]) expect(place).toMatch(/^[0-9a-f]{16}$/);
});
