import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';

/** A thousand tunnels need a quarter of it. */
export const MAX_CONFIG_BYTES = 1_048_576;

/**
 * The text of a regular file. Anything else is refused before it is opened: a FIFO would hold up the
 * whole process until something is written, a device may never end, or do something when it is read.
 *
 * @param maxBytes a larger file is none of ours
 * @throws the system's error, or one that says in words what is wrong with the file
 */
export function readRegularFile(path: string, maxBytes: number): string {
  assertRegular(statSync(path));
  // What the path leads to may have changed since: opening must not wait either.
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    assertRegular(fstatSync(fd));
    const bytes = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(fd, bytes, length, bytes.length - length, null);
    }
    if (length > maxBytes) throw new Error(`it is larger than ${maxBytes / 1_024} kB`);
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}

export function assertRegular(found: Stats): void {
  if (found.isFile()) return;
  throw new Error(`it is ${kindOf(found)}, not a regular file`);
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}
