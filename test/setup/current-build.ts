import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What `npm run build` writes last. */
const LAST_BUILT = join(ROOT, 'dist/tunneld.1');
const SOURCES = ['src', 'tsconfig.json', 'tsconfig.build.json', 'package.json'];

/** The tests of the built programs test these sources: builds when something is newer than the build. */
export function setup(): void {
  if (newest(SOURCES) <= modified(LAST_BUILT)) return;
  const built = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, encoding: 'utf8' });
  if (built.status === 0) return;
  throw new Error(`The sources are newer than the build, and do not build:\n${built.stdout}${built.stderr}`);
}

function newest(names: readonly string[]): number {
  return Math.max(...names.map((name) => newestIn(join(ROOT, name))));
}

function newestIn(path: string): number {
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  // A folder's own time tells of files that were removed.
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
