import { existsSync, realpathSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/**
 * A path of this Node that an upgrade keeps: a package manager's (`/opt/homebrew/bin/node`) instead
 * of the version's own (`…/Cellar/node/25.1.0/bin/node`), which is gone with the next one.
 */
export function stableNode(path: string | undefined, executable = process.execPath): string {
  const real = realPathOf(executable);
  const candidates = (path ?? '').split(delimiter).filter(isAbsolute);
  return (
    candidates
      .map((folder) => join(folder, 'node'))
      .find((node) => node !== real && existsSync(node) && realPathOf(node) === real) ?? executable
  );
}

function realPathOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
