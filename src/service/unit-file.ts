import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { TunneldError } from '../core/errors.ts';

/**
 * Puts the text in place as a whole: a manager never reads half a unit.
 *
 * @throws {TunneldError} `SERVICE_PERMISSION`
 */
export function writeUnit(
  file: string,
  text: string,
  encoding: BufferEncoding = 'utf8',
): 'installed' | 'changed' | 'unchanged' {
  const before = readUnit(file, encoding);
  if (before === text) return 'unchanged';
  try {
    mkdirSync(dirname(file), { recursive: true });
    // Readable by all, as every unit is: it holds no secret.
    writeFileSync(`${file}.new`, text, { encoding, mode: 0o644 });
    renameSync(`${file}.new`, file);
  } catch (cause) {
    throw new TunneldError('SERVICE_PERMISSION', `${file} cannot be written: ${(cause as Error).message}`, {
      cause,
    });
  }
  return before === undefined ? 'installed' : 'changed';
}

/** @returns whether it was there */
export function removeUnit(file: string): boolean {
  const there = existsSync(file);
  rmSync(file, { force: true });
  return there;
}

export function readUnit(file: string, encoding: BufferEncoding = 'utf8'): string | undefined {
  try {
    return readFileSync(file, encoding);
  } catch {
    return undefined;
  }
}
