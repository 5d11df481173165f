import { readFileSync, readlinkSync } from 'node:fs';
import { type ProcessIdentity, presenceOf } from '../core/process-identity.ts';

/** The daemon a lock file names. */
export interface DaemonOwner extends ProcessIdentity {
  /** ISO 8601; empty when it could not be written down. */
  readonly since: string;
  /** Where it serves; empty when it could not be written down. */
  readonly socket: string;
  /** It does not serve yet. */
  readonly starting?: boolean;
}

/** The daemon that holds one of these locks and still runs: the truth when its socket says nothing. */
export function livingOwner(...lockFiles: readonly string[]): DaemonOwner | undefined {
  return lockFiles
    .map((file) => parseOwner(readLock(file)))
    .find((owner) => owner !== undefined && presenceOf(owner) !== 'gone');
}

/** What a lock file says; undefined when there is none that can be read. */
export function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return targetOf(file);
  }
}

/** On a full disk the lock is a link whose target is no file, but says who holds it. */
function targetOf(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}

/** The owner a lock names; undefined when it is not a lock of ours. */
export function parseOwner(text: string | undefined): DaemonOwner | undefined {
  const [, shortPid, shortStart] = /^([1-9]\d*)\/(.+)$/.exec(text ?? '') ?? [];
  if (shortPid !== undefined && shortStart !== undefined) {
    return { pid: Number(shortPid), startTime: shortStart, since: '', socket: '' };
  }
  try {
    const owner: Partial<DaemonOwner> = JSON.parse(text ?? '');
    const { pid, startTime, since, socket, starting } = owner;
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return undefined;
    return {
      pid,
      startTime: String(startTime),
      since: String(since),
      socket: String(socket),
      ...(starting === true && { starting }),
    };
  } catch {
    return undefined;
  }
}
