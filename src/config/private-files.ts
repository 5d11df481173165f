import { accessSync, chmodSync, constants, mkdirSync, readdirSync, type Stats, statSync } from 'node:fs';
import { messageOf } from '../core/error-message.ts';
import { type ErrorCode, TunneldError } from '../core/errors.ts';
import type { Paths } from './paths.ts';
import { assertRegular } from './regular-file.ts';

/**
 * Makes the daemon's folders, readable by their owner alone, and closes those found looser.
 *
 * @returns what had to be corrected, one sentence each.
 * @throws {TunneldError} `STATE_UNWRITABLE` or `SOCKET_UNUSABLE`
 */
export function prepareFolders(paths: Paths): string[] {
  return [
    ...unlessShort(() => preparePrivateFolder(paths.stateDir, 'STATE_UNWRITABLE', 'TUNNELD_STATE_DIR')),
    ...unlessShort(() => preparePrivateFolder(paths.logDir, 'STATE_UNWRITABLE', 'TUNNELD_LOG_DIR')),
    ...prepareSocketFolder(paths.runtimeDir),
  ];
}

/** A full or read-only disk is no mistake of the user's: what is known is served from it all the same. */
function unlessShort(prepare: () => string[]): string[] {
  try {
    return prepare();
  } catch (error) {
    if (error instanceof TunneldError && isStorageShort(error.cause)) return [error.message];
    throw error;
  }
}

/** The same for the folder of the control socket. @throws {TunneldError} `SOCKET_UNUSABLE` */
export function prepareSocketFolder(folder: string): string[] {
  return preparePrivateFolder(folder, 'SOCKET_UNUSABLE', 'TUNNELD_RUNTIME_DIR');
}

/**
 * Sets a file that holds a secret to mode 0600. Returns the note to show when it was looser.
 *
 * One that is not ours to close (a container's secret: root's, on a read-only mount) stays as it is.
 */
export function closeFile(path: string): string[] {
  const found = statSync(path);
  assertRegular(found);
  const mode = found.mode & 0o777;
  if ((mode & 0o077) === 0) return [];
  try {
    chmodSync(path, 0o600);
  } catch (cause) {
    if (!['EPERM', 'EROFS'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    return [`${path} holds secrets, is open to others (mode ${octal(mode)}), and is not ours to close`];
  }
  return [`${path} holds secrets and was open to others (mode ${octal(mode)}); it is 600 now`];
}

function preparePrivateFolder(folder: string, code: ErrorCode, variable: string): string[] {
  const remedy = `Make it a folder of your own that you can write, or choose another with ${variable}.`;
  const found = inspectFolder(folder, code, remedy);
  const mode = found.mode & 0o777;
  const others = (mode & 0o077) !== 0;
  // Windows has access lists instead.
  if (!others || process.platform === 'win32') return [];
  const entries = readdirSync(folder);
  // Another user may have replaced what is in there, whatever it is called.
  if ((mode & 0o022) !== 0 && entries.length > 0) {
    throw new TunneldError(code, `${folder} can be written by others (mode ${octal(mode)})`, {
      remedy: `See that everything in it is yours, then \`chmod 700 ${folder}\`; or choose another with ${variable}.`,
    });
  }
  // The configured folder may hold other things too: closing a home folder would break them.
  if (!entries.every(isOurs)) return [];
  attempt(code, `${folder} cannot be closed to others`, () => chmodSync(folder, 0o700));
  return [`${folder} was open to others (mode ${octal(mode)}); it is 700 now`];
}

function inspectFolder(folder: string, code: ErrorCode, remedy: string): Stats {
  const inspect = () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return statSync(folder);
  };
  const found = attempt(code, `${folder} cannot be used`, inspect, remedy);
  const self = process.getuid?.();
  if (self !== undefined && found.uid !== self) {
    const owner = `uid ${found.uid}, yours is ${self}`;
    throw new TunneldError(code, `${folder} belongs to another user (${owner})`, { remedy });
  }
  return found;
}

/** The name of one of tunneld's own files. */
function isOurs(entry: string): boolean {
  return /^(?:tunneld\.|\.t[0-9a-f]{8}$|state\.json|daemon\.|run$|logs$|secrets$)|\.log$/.test(entry);
}

/** Runs a file operation and turns the system's refusal into `code`, with the reason in words. */
export function attempt<T>(code: ErrorCode, what: string, operation: () => T, remedy?: string): T {
  try {
    return operation();
  } catch (cause) {
    throw new TunneldError(code, `${what}: ${reasonOf(cause)}`, {
      cause,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

/** The disk is full or read-only: nothing that the user said, and it may pass. */
export function isStorageShort(cause: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EROFS'].includes((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'there is no such file',
  ENOTDIR: 'part of the path is not a folder',
  EEXIST: 'a file is in the way',
  EISDIR: 'it is a folder',
};

export function reasonOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  return (code === undefined ? undefined : REASONS[code]) ?? messageOf(cause);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(3, '0');
}
