import { readFileSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { sha256Hex } from '../core/sha256.ts';

/**
 * A name for a state folder that is the same after everything in it was lost. No two daemons run in one
 * folder (its lock), so that what carries this name belongs to whoever runs there now.
 *
 * Several machines may share one container engine, and copies of a virtual machine its id: the host
 * name tells those apart.
 *
 * @returns 16 hex digits that reveal nothing of what they stand for
 */
export function placeOf(stateDir: string): string {
  const parts = [machineId(), hostname(), process.getuid?.(), realPath(stateDir)];
  return sha256Hex(JSON.stringify(parts)).slice(0, 16);
}

/** Empty where the system has none: macOS, and most containers. */
function machineId(): string {
  for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      return readFileSync(file, 'utf8').trim();
    } catch {
      // The other one, or none.
    }
  }
  return '';
}

function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
