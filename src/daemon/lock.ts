import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type DaemonOwner, livingOwner, parseOwner, readLock } from '../config/daemon-owner.ts';
import { isStorageShort, reasonOf } from '../config/private-files.ts';
import { TunneldError } from '../core/errors.ts';
import { presenceOf, startTimeOf } from '../core/process-identity.ts';

/** Long enough for a rival that read a stale lock just before ours to have acted on it. */
const TAKEOVER_SETTLE_MS = 100;

export interface DaemonLock {
  /** The daemon serves there from now on: readers of the lock find it. */
  serving(socket: string): void;
  /** Removes the lock if it is still ours. Idempotent. */
  release(): void;
}

/**
 * Makes this process the one daemon of this state folder.
 *
 * The file appears whole or not at all (a link to a finished file), names its owner by pid and start
 * time, and is taken over only from an owner that is gone.
 *
 * @param elsewhere takes the lock when the disk of `file` is full or read-only: a daemon that cannot
 *   remember anything new still serves what it knows
 * @throws {TunneldError} `DAEMON_ALREADY_RUNNING` naming the owner, `STATE_UNWRITABLE`
 */
export async function acquireLock(file: string, socket: string, elsewhere?: string): Promise<DaemonLock> {
  const places = elsewhere === undefined ? [file] : [file, elsewhere];
  const me = ownerOf(socket);
  refuseRival(places, me);
  for (const place of places) {
    try {
      const text = await take(place, me);
      const lock = held(place, text, me);
      try {
        refuseRival(places, me);
      } catch (error) {
        lock.release();
        throw error;
      }
      return lock;
    } catch (cause) {
      if (cause instanceof TunneldError) throw cause;
      if (place !== places.at(-1) && isStorageShort(cause)) continue;
      throw new TunneldError('STATE_UNWRITABLE', `${file} cannot be written: ${reasonOf(cause)}`, { cause });
    }
  }
  throw new Error('no place for a lock');
}

function ownerOf(socket: string): DaemonOwner {
  return {
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? 'unknown',
    since: new Date().toISOString(),
    socket,
    starting: true,
  };
}

function refuseRival(places: readonly string[], me: DaemonOwner): void {
  const owner = livingOwner(...places);
  if (owner !== undefined && (owner.pid !== me.pid || owner.startTime !== me.startTime)) refuse(owner);
}

/** @returns what stands in the lock now */
async function take(file: string, me: DaemonOwner): Promise<string> {
  const text = `${JSON.stringify(me)}\n`;
  const short = `${me.pid}/${me.startTime}`;
  const candidate = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    let full = false;
    try {
      writeFileSync(candidate, text, { mode: 0o600 });
    } catch (error) {
      if (!isStorageShort(error)) throw error;
      full = true;
    }
    // A link's target is kept in its directory entry or inode: it needs no free block.
    const place = () => (full ? symlinkSync(short, file) : linkSync(candidate, file));
    const tookOver = claim(file, place, `${candidate}.stale`);
    if (tookOver) await delay(TAKEOVER_SETTLE_MS);
    const mine = full ? short : text;
    const found = readLock(file);
    if (found !== mine) refuse(parseOwner(found) ?? me);
    return mine;
  } finally {
    removeIfThere(candidate);
  }
}

function held(file: string, taken: string, me: DaemonOwner): DaemonLock {
  let text = taken;
  return {
    serving(socket) {
      if (readLock(file) !== text) return;
      const next = `${JSON.stringify({ ...me, socket, starting: undefined })}\n`;
      const candidate = `${file}.${process.pid}`;
      try {
        writeFileSync(candidate, next, { mode: 0o600 });
        renameSync(candidate, file);
        text = next;
      } catch {
        // A full disk: the lock goes on naming the process, which is what it is for.
        removeIfThere(candidate);
      }
    },
    release() {
      if (readLock(file) === text) rmSync(file, { force: true });
    },
  };
}

/** @returns whether a dead owner's lock was in the way */
function claim(file: string, place: () => void, aside: string): boolean {
  for (let tookOver = false; ; tookOver = true) {
    try {
      place();
      return tookOver;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const found = readLock(file);
    const owner = parseOwner(found);
    if (owner !== undefined && presenceOf(owner) !== 'gone') refuse(owner);
    if (found !== undefined) removeStale(file, found, aside);
  }
}

/** Moves the stale lock out of the way; a rival's fresh one, moved by mistake, is put back. */
export function removeStale(file: string, stale: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch (error) {
    // A rival was faster; the next round sees what it left.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readLock(aside) !== stale) linkSync(aside, file);
  unlinkSync(aside);
}

function refuse(owner: DaemonOwner): never {
  const where = owner.socket === '' ? '' : `, at ${owner.socket}`;
  const since = owner.since === '' ? '' : `, since ${owner.since}`;
  throw new TunneldError(
    'DAEMON_ALREADY_RUNNING',
    `A daemon is already running: pid ${owner.pid}${since}${where}.`,
  );
}

/** `force` of `rmSync` forgives a missing file, and not a file where its folder should be. */
function removeIfThere(file: string): void {
  try {
    rmSync(file);
  } catch {
    // It was not made.
  }
}
