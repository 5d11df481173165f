import { fileURLToPath } from 'node:url';
import type { Clock } from '../../core/clock.ts';
import { HelperProcess } from '../../core/helper-process.ts';
import type { FromHost, ToHost } from './messages.ts';

export interface HostProcessOptions {
  readonly clock: Clock;
  /** Where the process notes what it starts. */
  readonly journalFile: string;
  /** The program; the built one next to this file unless a test says otherwise. */
  readonly program?: string;
  readonly execArgv?: readonly string[];
  readonly onMessage: (message: FromHost) => void;
  /** Called once: the process is gone. */
  readonly onExit: (how: string) => void;
}

/** Its programs get this long to end (milliseconds). */
const CLOSE_MS = 5_000;

/** The process that holds the servers' programs. Secrets reach it over a pipe, never as arguments. */
export class HostProcess {
  readonly #process: HelperProcess<ToHost, FromHost>;

  constructor({ clock, journalFile, program, execArgv = [], onMessage, onExit }: HostProcessOptions) {
    this.#process = new HelperProcess({
      clock,
      program: program ?? fileURLToPath(new URL('./main.js', import.meta.url)),
      args: [journalFile],
      execArgv,
      mostUnanswered: 3,
      onMessage,
      onExit,
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(message: ToHost): void {
    this.#process.send(message);
  }

  /** Ends it and every program it holds. */
  async close(): Promise<void> {
    this.#process.disconnect();
    await this.#process.endsWithin(CLOSE_MS);
  }
}
