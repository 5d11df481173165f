import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { presenceOf, startTimeOf } from '../../core/process-identity.ts';
import { signalGroup } from '../stdio/process-group.ts';

/**
 * The process groups that a host has started, in a file: appended to as they come and go, so that
 * whoever finds the host killed can end what it left. Survives the host and the daemon, not a reboot.
 */
export class GroupJournal {
  readonly #fd: number;

  constructor(file: string) {
    this.#fd = openSync(file, 'w', 0o600);
  }

  started(pid: number): void {
    this.#append(`+${pid} ${startTimeOf(pid) ?? ''}\n`);
  }

  ended(pid: number): void {
    this.#append(`-${pid}\n`);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #append(line: string): void {
    try {
      writeSync(this.#fd, line);
    } catch {
      // A full disk: the servers matter more than a trace of them.
    }
  }
}

/** Ends every group that the journal says is still there, and removes it. @returns how many those were */
export function endLeftGroups(file: string): number {
  const left = [...groupsIn(file)].filter(([pid, startTime]) => isLeft(pid, startTime));
  for (const [pid] of left) signalGroup(pid, 'SIGKILL');
  rmSync(file, { force: true });
  return left.length;
}

function groupsIn(file: string): ReadonlyMap<number, string> {
  const groups = new Map<number, string>();
  for (const line of read(file).split('\n')) {
    const [, sign, pid, startTime = ''] = /^([+-])(\d{1,10})(?: (.*))?$/.exec(line) ?? [];
    if (sign === '+') groups.set(Number(pid), startTime);
    if (sign === '-') groups.delete(Number(pid));
  }
  return groups;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Its leader still runs; or the leader is gone, and others of its group are not: no other process gets
 * the number of a group that has members.
 */
function isLeft(pid: number, startTime: string): boolean {
  const now = startTimeOf(pid);
  if (now !== undefined && now !== 'ended') return presenceOf({ pid, startTime }) !== 'gone';
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}
