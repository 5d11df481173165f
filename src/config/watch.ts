import { type StatsListener, unwatchFile, watchFile } from 'node:fs';
import { type Clock, systemClock, type Timer } from '../core/clock.ts';
import { MAX_CONFIG_BYTES, readRegularFile } from './regular-file.ts';

export interface WatchOptions {
  readonly clock?: Clock;
  /** How often the file is looked at (milliseconds). */
  readonly intervalMs?: number;
  /** The file must have been left alone this long (milliseconds). */
  readonly settleMs?: number;
}

/**
 * Calls `onChange` after the content of `file` changed, appeared or went away.
 *
 * Looks at the file's data twice a second instead of asking the system for events: that works the
 * same for editors that rename, for links into a dotfiles folder, for network and container mounts,
 * and for a folder that does not exist yet. A look costs one system call.
 */
export function watchConfig(
  file: string,
  onChange: () => void,
  { clock = systemClock, intervalMs = 500, settleMs = 150 }: WatchOptions = {},
): { close(): void } {
  let content = contentOf(file);
  let settle: Timer | undefined;
  const compare = () => {
    const now = contentOf(file);
    if (now === content) return;
    content = now;
    onChange();
  };
  // An editor that truncates and then writes would else be caught in the middle.
  const onStat: StatsListener = () => {
    settle?.cancel();
    settle = clock.setTimer(compare, settleMs);
  };
  watchFile(file, { interval: intervalMs, persistent: false }, onStat);
  return {
    close() {
      settle?.cancel();
      unwatchFile(file, onStat);
    },
  };
}

function contentOf(file: string): string | undefined {
  try {
    return readRegularFile(file, MAX_CONFIG_BYTES);
  } catch {
    return undefined;
  }
}
