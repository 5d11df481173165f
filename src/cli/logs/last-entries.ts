import { type FileHandle, open } from 'node:fs/promises';
import { type LogEntry, type LogFilter, parseEntry, passes } from './log-entry.ts';
import type { LogFiles } from './log-files.ts';

const CHUNK_BYTES = 65_536;
const NEWLINE = 0x0a;

export interface Page {
  /** Oldest first. */
  readonly entries: readonly LogEntry[];
  /** Where the file being written has to be read on from (bytes): behind its last complete line. */
  readonly end: number;
}

/**
 * The last `limit` entries that pass, read from the end: the newest 50 lines of a log of 50 MB cost
 * one small read.
 */
export async function lastEntries({ paths }: LogFiles, limit: number, filter: LogFilter): Promise<Page> {
  const entries: LogEntry[] = [];
  let end = 0;
  for (const [back, path] of paths.toReversed().entries()) {
    const file = await open(path).catch(ignoreMissing);
    if (file === undefined) continue;
    try {
      const complete = await endOfLastLine(file, (await file.stat()).size);
      if (back === 0) end = complete;
      for await (const line of linesBackwards(file, complete)) {
        if (entries.length >= limit) return { entries: entries.reverse(), end };
        const entry = parseEntry(line);
        // Entries are in the order of time: nothing before this one is wanted either.
        if (entry !== undefined && entry.time < filter.since) return { entries: entries.reverse(), end };
        if (entry !== undefined && passes(entry, filter)) entries.push(entry);
      }
    } finally {
      await file.close();
    }
  }
  return { entries: entries.reverse(), end };
}

/** The lines that end before `end`, newest first. `end` is 0 or stands behind a line break. */
async function* linesBackwards(file: FileHandle, end: number): AsyncGenerator<string> {
  let held = Buffer.alloc(0);
  let position = Math.max(0, end - 1);
  while (position > 0) {
    const start = Math.max(0, position - CHUNK_BYTES);
    const text = Buffer.concat([await readRange(file, start, position), held]);
    let cut = text.length;
    for (let at = text.lastIndexOf(NEWLINE); at !== -1; at = text.subarray(0, at).lastIndexOf(NEWLINE)) {
      yield text.toString('utf8', at + 1, cut);
      cut = at;
    }
    held = text.subarray(0, cut);
    position = start;
  }
  if (held.length > 0) yield held.toString('utf8');
}

/** A line that is still being written has no end yet, and is left out. */
async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  for (let position = size; position > 0; position -= CHUNK_BYTES) {
    const start = Math.max(0, position - CHUNK_BYTES);
    const at = (await readRange(file, start, position)).lastIndexOf(NEWLINE);
    if (at !== -1) return start + at + 1;
  }
  return 0;
}

async function readRange(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const bytes = Buffer.alloc(end - start);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
  return bytes.subarray(0, bytesRead);
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
