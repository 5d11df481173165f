import type { DestinationStream } from 'pino';
import type { Clock } from '../core/clock.ts';
import { createLogger, type Logger } from '../core/log.ts';
import type { Redactor } from '../core/redact.ts';
import { LogFile } from './log-file.ts';

export interface LogBookOptions {
  readonly directory: string;
  readonly level: string;
  readonly maxFileBytes: number;
  readonly maxTotalBytes: number;
  readonly redactor: Redactor;
  readonly clock: Clock;
  /** Gets every line of every file too, as they have it. */
  readonly copy?: DestinationStream;
}

/** The daemon's log files: its own, and one for each tunnel. */
export class LogBook {
  readonly #options: LogBookOptions;
  readonly #files = new Map<string, { readonly file: LogFile; readonly log: Logger }>();
  #droppedBefore = 0;

  constructor(options: LogBookOptions) {
    this.#options = options;
  }

  /** The daemon's own log. */
  get daemon(): Logger {
    return this.#open('daemon');
  }

  /** Lines lost to a disk that did not keep up, in all files since the start. */
  get dropped(): number {
    return [...this.#files.values()].reduce((sum, { file }) => sum + file.dropped, this.#droppedBefore);
  }

  /** The log of one tunnel; a tunnel called `daemon` shares the daemon's file. */
  tunnel(name: string): Logger {
    return this.#open(name).child({ tunnel: name });
  }

  /** Writes out what is queued and closes the file of a tunnel that is no more. */
  async closeTunnel(name: string): Promise<void> {
    const entry = this.#files.get(name);
    if (entry === undefined || name === 'daemon') return;
    this.#files.delete(name);
    this.#droppedBefore += entry.file.dropped;
    await entry.file.close();
  }

  /** Files that were moved away are made anew. */
  reopen(): void {
    for (const { file } of this.#files.values()) file.reopen();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map(({ file }) => file.close()));
  }

  #open(name: string): Logger {
    let entry = this.#files.get(name);
    if (entry === undefined) {
      const { level, copy, ...rest } = this.#options;
      const file = new LogFile({ ...rest, name });
      entry = { file, log: createLogger(level, copy === undefined ? file : this.#both(file, copy)) };
      this.#files.set(name, entry);
    }
    return entry.log;
  }

  #both(file: LogFile, copy: DestinationStream): DestinationStream {
    return {
      write: (line) => {
        file.write(line);
        copy.write(this.#options.redactor.clean(line));
      },
    };
  }
}
