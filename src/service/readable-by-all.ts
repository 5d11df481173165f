import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { TunneldError } from '../core/errors.ts';

/**
 * The system's daemon runs as a user of its own, who must be able to reach its program.
 *
 * @throws {TunneldError} `SERVICE_PERMISSION` naming the folder that is closed
 */
export function assertReadableByAll(files: readonly string[]): void {
  for (const file of files) {
    const real = realpathSync(file);
    for (let folder = dirname(real); ; folder = dirname(folder)) {
      if ((statSync(folder).mode & 0o001) === 0) throw closed(real, folder);
      if (/^\/(?:home|root|run\/user)$/.test(folder)) throw closed(real, folder);
      if (folder === dirname(folder)) break;
    }
    if ((statSync(real).mode & 0o004) === 0) throw closed(real, real);
  }
}

function closed(file: string, at: string): TunneldError {
  return new TunneldError('SERVICE_PERMISSION', `${file} is not for everybody to read: ${at} is closed`, {
    remedy:
      'The unit of the system runs as a user of its own. Install Node and tunneld for the whole machine, or use --user.',
  });
}
