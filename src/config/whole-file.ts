import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { ErrorCode } from '../core/errors.ts';
import { attempt } from './private-files.ts';

/**
 * Writes a file whole or not at all, behind the links that lead to it. One that was there keeps its
 * mode and owner; a new one, and a new folder, are for their owner alone.
 *
 * @throws {TunneldError} `code`
 */
export function writeWhole(path: string, text: string, code: ErrorCode): void {
  attempt(code, `${path} cannot be written`, () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const target = behindLinks(path);
    const unfinished = `${target}.tmp-${randomBytes(6).toString('hex')}`;
    try {
      writeSynced(unfinished, text);
      likeBefore(unfinished, found(target));
      renameSync(unfinished, target);
    } catch (error) {
      rmSync(unfinished, { force: true });
      throw error;
    }
  });
}

/** A link in a folder of settings leads to where they are kept: it stays one. */
function behindLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path;
    throw error;
  }
}

function writeSynced(path: string, text: string): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function likeBefore(path: string, before: Stats | undefined): void {
  if (before === undefined) return;
  chmodSync(path, before.mode & 0o777);
  const self = process.getuid?.();
  // Only root can give files away, and only root edits somebody else's by right.
  if (self === 0 && before.uid !== self) chownSync(path, before.uid, before.gid);
}

function found(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
