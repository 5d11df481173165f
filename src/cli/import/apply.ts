import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf } from '../../config/private-files.ts';
import { keepSecret } from '../../config/secret-store.ts';
import { writeWhole } from '../../config/whole-file.ts';
import { TunneldError } from '../../core/errors.ts';
import type { PlannedSecret } from './plan.ts';

export interface Write {
  readonly configFile: string;
  /** What the edit was made from; undefined for a file that was not there. */
  readonly before: string | undefined;
  readonly after: string;
  /** Those whose files are not there yet. */
  readonly secrets: readonly PlannedSecret[];
}

/**
 * Writes the secrets, then the config file that refers to them. When anything fails, what was written
 * is taken away again, and the config file is as it was.
 *
 * @throws {TunneldError} `CONFIG_UNWRITABLE`, `STATE_UNWRITABLE`
 */
export function writeAll({ configFile, before, after, secrets }: Write): void {
  const made: string[] = [];
  try {
    for (const { file, value } of secrets) {
      made.push(file);
      keepSecret(file, dirname(file), value.reveal());
    }
    assertUnchanged(configFile, before);
    writeWhole(configFile, after, 'CONFIG_UNWRITABLE');
  } catch (error) {
    for (const file of made) rmSync(file, { force: true });
    throw error;
  }
}

/** The text of the config file; undefined when there is none. @throws {TunneldError} `CONFIG_INVALID` */
export function configText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TunneldError('CONFIG_INVALID', `${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

function assertUnchanged(file: string, before: string | undefined): void {
  if (configText(file) === before) return;
  throw new TunneldError('CONFIG_UNWRITABLE', `${file} was changed by somebody else meanwhile`, {
    remedy: 'Run the command again.',
  });
}
