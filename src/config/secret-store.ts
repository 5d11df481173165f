import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from './private-files.ts';
import { writeWhole } from './whole-file.ts';

/** Where secrets are kept that tunneld writes down for the user: readable by their owner alone. */
export function secretFolder(stateDir: string): string {
  return join(stateDir, 'secrets');
}

/**
 * Keeps a secret in a file (mode 0600) from which `file:` reads the same again.
 *
 * @throws {TunneldError} `STATE_UNWRITABLE`
 */
export function keepSecret(file: string, folder: string, value: string): void {
  attempt('STATE_UNWRITABLE', `${folder} cannot be used`, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  });
  writeWhole(file, asWritten(value), 'STATE_UNWRITABLE');
  attempt('STATE_UNWRITABLE', `${file} cannot be closed to others`, () => chmodSync(file, 0o600));
}

/** A file of that folder which holds `value` already, or the first free name for it. */
export function fileForSecret(folder: string, name: string, value: string): { file: string; kept: boolean } {
  for (let count = 1; ; count++) {
    const file = join(folder, count === 1 ? name : `${name}.${count}`);
    const content = attempt('STATE_UNWRITABLE', `${file} cannot be read`, () => contentOf(file));
    if (content === undefined) return { file, kept: false };
    if (content === asWritten(value)) return { file, kept: true };
  }
}

/** One line break at the end of a file is not part of the secret. */
function asWritten(value: string): string {
  return value.endsWith('\n') ? `${value}\n` : value;
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
