import { chmodSync, closeSync, fstatSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DestinationStream } from 'pino';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';
import type { Clock } from '../core/clock.ts';
import type { Redactor } from '../core/redact.ts';

/** What may wait for a slow disk (bytes). Beyond it lines are dropped and counted: traffic goes first. */
const MAX_QUEUED_BYTES = 1_048_576;

/** After a failed write (disk full, folder gone) the file is opened again at the earliest after this. */
const REOPEN_AFTER_MS = 5_000;

export interface LogFileOptions {
  readonly directory: string;
  /** `<name>.log`; rotated to `<name>.1.log` (newest), `<name>.2.log`, … */
  readonly name: string;
  /** A file is rotated at this size (bytes). */
  readonly maxFileBytes: number;
  /** All files together (bytes). */
  readonly maxTotalBytes: number;
  readonly redactor: Redactor;
  readonly clock: Clock;
}

/** Whether the file is still the one that is written is looked at this often (milliseconds). */
const LOOK_MS = 1_000;

/** A rotated NDJSON file that never blocks, never throws and never grows beyond its cap. */
export class LogFile implements DestinationStream {
  readonly #options: LogFileOptions;
  #stream: RotatingFileStream | undefined;
  #reopenAt = 0;
  /** Device and inode of the file that is written; undefined until it is open. */
  #inode: string | undefined;
  #lookAt = 0;
  /** Lines lost that no notice in the file tells of yet. */
  #unreported = 0;
  #dropped = 0;
  /** Lines given to a stream and not yet said to be written. */
  #queued = 0;
  #whenSettled: (() => void)[] = [];

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#open();
  }

  /** Lines lost to a stalled or full disk since the daemon started. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    this.#lookAfterFile();
    if (this.#stream === undefined && this.#options.clock.monotonic() >= this.#reopenAt) this.#open();
    const stream = this.#stream;
    if (stream === undefined || stream.writableLength > MAX_QUEUED_BYTES) {
      this.#lost(1);
      return;
    }
    if (this.#unreported > 0) this.#report(stream);
    this.#queue(stream, this.#options.redactor.clean(line), () => this.#lost(1));
  }

  /** Resolves when nothing is on its way to the disk. */
  settled(): Promise<void> {
    return this.#queued === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenSettled.push(resolve));
  }

  /** The next line looks whether the file was moved away (logrotate, then SIGHUP). */
  reopen(): void {
    this.#lookAt = 0;
  }

  /** Resolves when everything queued is on the disk, or cannot be. */
  async close(): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#stream = undefined;
    this.#reopenAt = Number.POSITIVE_INFINITY;
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
      stream.once('error', () => resolve());
      stream.end(() => resolve());
    });
  }

  /** A file that was removed, or moved away by logrotate, is made anew: what is written to the old one is lost. */
  #lookAfterFile(): void {
    const stream = this.#stream;
    const now = this.#options.clock.monotonic();
    // While something is written, the stream itself may be moving the file.
    if (stream === undefined || this.#inode === undefined || stream.writableLength > 0 || now < this.#lookAt)
      return;
    this.#lookAt = now + LOOK_MS;
    if (inodeOf(this.#path) === this.#inode) return;
    this.#stream = undefined;
    stream.end();
    this.#open();
  }

  get #path(): string {
    return join(this.#options.directory, `${this.#options.name}.log`);
  }

  #open(): void {
    this.#inode = undefined;
    const { directory, name, clock } = this.#options;
    const { sizeBytes, rotated } = shares(this.#options);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const stream = createStream(fileName(name), {
        path: directory,
        size: `${sizeBytes}B`,
        rotate: rotated,
        mode: 0o600,
      });
      // A file from before may have been left readable by others.
      stream.on('open', (file: string) => {
        chmod(file);
        if (this.#stream === stream) this.#inode = inodeOf(file);
      });
      stream.on('error', () => this.#broken(stream));
      this.#stream = stream;
      // The end of a line that did not fit must not become the beginning of the next.
      if (endsTorn(this.#path)) {
        stream.write('\n');
        // The stream called it written.
        if (this.#reopenAt > 0) this.#lost(1);
      }
    } catch {
      this.#reopenAt = clock.monotonic() + REOPEN_AFTER_MS;
    }
  }

  #broken(stream: RotatingFileStream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#reopenAt = this.#options.clock.monotonic() + REOPEN_AFTER_MS;
  }

  #lost(lines: number): void {
    this.#dropped += lines;
    this.#unreported += lines;
  }

  /** Says how many lines are missing. What the notice tells of is owed again when it is lost itself. */
  #report(stream: RotatingFileStream): void {
    const dropped = this.#unreported;
    this.#unreported = 0;
    const time = new Date(this.#options.clock.now()).toISOString();
    const notice = { level: 'warn', time, dropped, msg: 'log lines were dropped: the disk did not keep up' };
    this.#queue(stream, `${JSON.stringify(notice)}\n`, () => {
      this.#unreported += dropped;
    });
  }

  #queue(stream: RotatingFileStream, line: string, onLost: () => void): void {
    this.#queued++;
    stream.write(line, (error) => {
      this.#queued--;
      if (error) {
        onLost();
        // Its own word for it may come much later.
        this.#broken(stream);
      }
      if (this.#queued === 0) for (const resolve of this.#whenSettled.splice(0)) resolve();
    });
  }
}

/** The rotated files share what the cap leaves beside the current one. */
function shares({ maxFileBytes, maxTotalBytes }: LogFileOptions): { sizeBytes: number; rotated: number } {
  const files = Math.max(2, Math.floor(maxTotalBytes / maxFileBytes));
  return { sizeBytes: Math.min(maxFileBytes, Math.floor(maxTotalBytes / files)), rotated: files - 1 };
}

function fileName(name: string): (time: number | Date, index?: number) => string {
  // With `rotate` set the first parameter is the index: 0 is the current file.
  return (index) => (index ? `${name}.${Number(index)}.log` : `${name}.log`);
}

/** Whether the last line of the file has no end. */
function endsTorn(file: string): boolean {
  let opened: number | undefined;
  try {
    opened = openSync(file, 'r');
    const { size } = fstatSync(opened);
    const last = Buffer.alloc(1);
    return size > 0 && readSync(opened, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
  } catch {
    // There is none yet.
    return false;
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}

const NEWLINE = 0x0a;

function inodeOf(file: string): string | undefined {
  try {
    const { dev, ino } = statSync(file);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function chmod(file: string): void {
  try {
    chmodSync(file, 0o600);
  } catch {
    // Rotated away in this very moment: it was created 0600.
  }
}
