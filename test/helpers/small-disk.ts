import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { tempFolder } from './temp-folder.ts';

export interface SmallDisk {
  readonly folder: string;
  /** Not a byte is left. */
  fill(): void;
  free(): void;
  readOnly(on: boolean): void;
}

/** A file system of its own that can be filled; undefined where this user may not mount one. */
export function smallDisk(): SmallDisk | undefined {
  const folder = join(tempFolder(), 'disk');
  mkdirSync(folder, { mode: 0o700 });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=0700,size=256k', 'tmpfs', folder]);
  if (mounted.status !== 0) return undefined;
  onTestFinished(() => void spawnSync('umount', ['--lazy', folder]));
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill() {
      try {
        for (let bytes = 4_096; ; bytes += 4_096) writeFileSync(ballast, Buffer.alloc(bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    },
    free: () => rmSync(ballast, { force: true }),
    readOnly: (on) => void spawnSync('mount', ['-o', `remount,${on ? 'ro' : 'rw'}`, folder]),
  };
}

/** Whether `smallDisk` gives one here. */
export function canMount(): boolean {
  const probe = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
  return probe.status === 0 && process.getuid?.() === 0;
}
