import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TunneldError } from '../core/errors.ts';

/** Long enough for a rival that read a stale lock just before ours to have acted on it. */
const TAKEOVER_SETTLE_MS = 100;

/** Stands for the start time of a process that has ended and is still listed. */
const ENDED = 'ended';

export interface DaemonLock {
  /** Removes the lock if it is still ours. Idempotent. */
  release(): void;
}

interface Owner {
  readonly pid: number;
  /** Tells the process apart from a later one that was given the same pid. */
  readonly startTime: string;
  /** ISO 8601. */
  readonly since: string;
  readonly socket: string;
}

/**
 * Makes this process the one daemon of this state folder.
 *
 * The file appears whole or not at all (a link to a finished file), names its owner by pid and start
 * time, and is taken over only from an owner that is gone.
 *
 * @throws {TunneldError} `DAEMON_ALREADY_RUNNING` naming the owner, `STATE_UNWRITABLE`
 */
export async function acquireLock(file: string, socket: string): Promise<DaemonLock> {
  const mine: Owner = {
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? 'unknown',
    since: new Date().toISOString(),
    socket,
  };
  const text = `${JSON.stringify(mine)}\n`;
  const candidate = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(candidate, text, { mode: 0o600 });
    const tookOver = claim(file, candidate);
    if (tookOver) await delay(TAKEOVER_SETTLE_MS);
    if (read(file) !== text) refuse(parseOwner(read(file)) ?? mine);
  } catch (cause) {
    if (cause instanceof TunneldError) throw cause;
    throw new TunneldError('STATE_UNWRITABLE', `${file} cannot be written: ${(cause as Error).message}`, {
      cause,
    });
  } finally {
    removeIfThere(candidate);
  }
  return {
    release() {
      if (read(file) === text) rmSync(file, { force: true });
    },
  };
}

/** @returns whether a dead owner's lock was in the way */
function claim(file: string, candidate: string): boolean {
  for (let tookOver = false; ; tookOver = true) {
    try {
      linkSync(candidate, file);
      return tookOver;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const found = read(file);
    const owner = parseOwner(found);
    if (owner !== undefined && isAlive(owner)) refuse(owner);
    if (found !== undefined) removeStale(file, found, `${candidate}.stale`);
  }
}

/** Moves the stale lock out of the way; a rival's fresh one, moved by mistake, is put back. */
function removeStale(file: string, stale: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch {
    // A rival was faster; the next round sees what it left.
    return;
  }
  if (read(aside) !== stale) linkSync(aside, file);
  unlinkSync(aside);
}

function refuse(owner: Owner): never {
  throw new TunneldError(
    'DAEMON_ALREADY_RUNNING',
    `A daemon is already running: pid ${owner.pid}, since ${owner.since}, at ${owner.socket}.`,
  );
}

function isAlive({ pid, startTime }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = startTimeOf(pid);
  return now === undefined || now === startTime;
}

/**
 * When the process started, in whatever form the system has it; undefined when it cannot be told.
 *
 * A killed process nobody waited for (a container without an init) keeps its entry and its start
 * time; it is told apart by its state.
 */
function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      const started = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
      const [state = '', ...time] = started.trim().split(/\s+/);
      return state.startsWith('Z') ? ENDED : time.join(' ');
    }
    // The command name (field 2) may hold spaces and brackets; the fields are counted from its end.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticksSinceBoot] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X') return ENDED;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${ticksSinceBoot}`;
  } catch {
    return undefined;
  }
}

/** `force` of `rmSync` forgives a missing file, and not a file where its folder should be. */
function removeIfThere(file: string): void {
  try {
    rmSync(file);
  } catch {
    // It was not made.
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** The owner a lock file names; undefined when it is not a lock file of ours. */
function parseOwner(text: string | undefined): Owner | undefined {
  try {
    const owner: Partial<Owner> = JSON.parse(text ?? '');
    const { pid, startTime, since, socket } = owner;
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return undefined;
    return { pid, startTime: String(startTime), since: String(since), socket: String(socket) };
  } catch {
    return undefined;
  }
}
