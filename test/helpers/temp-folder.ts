import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new folder that goes away with the test. Short, so that a socket's path fits in it. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tnl-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
