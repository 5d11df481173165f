import type { Paths } from '../config/paths.ts';
import type { Clock } from '../core/clock.ts';
import type { DaemonClient } from './daemon-client.ts';

/** Everything a command may touch, passed in: `process-io.ts` is the real one, tests give their own. */
export interface CliIo {
  /** Prints a line on standard output: what the verb was asked for, and nothing else. */
  out(line: string): void;
  /** Prints a line on standard error: progress, warnings, failures. */
  err(line: string): void;
  /** Clears the terminal before the next frame; does nothing when output is not a terminal. */
  clear(): void;
  /** Standard output is a terminal. */
  readonly interactive: boolean;
  /** Of the terminal, now; both Infinity where there is none. */
  size(): { readonly columns: number; readonly rows: number };
  /** Wraps text in colours on a terminal, gives it back as it is elsewhere and under `NO_COLOR`. */
  readonly paint: Paint;
  readonly env: NodeJS.ProcessEnv;
  /** The folder the verb was typed in. */
  cwd(): string;
  readonly clock: Clock;
  /** @throws {TunneldError} when the environment names folders that cannot be used */
  paths(): Paths;
  /** A client of the daemon's socket. Does not connect yet. */
  daemon(): Promise<DaemonClient>;
  /** The program that `tunneld daemon start` runs. */
  readonly daemonProgram: string;
  /** Shows `text` with a spinner while something takes long; silent when not on a terminal. */
  progress(text: string): Promise<Progress>;
  /** Aborts on SIGINT, SIGTERM or SIGHUP once it was read; until then they end the process. */
  interrupted(): AbortSignal;
  /** Calls back on each SIGHUP, which then interrupts nothing any more. */
  onHangup(listener: () => void): void;
}

export type Paint = Readonly<Record<Style, (text: string) => string>>;
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface Progress {
  update(text: string): void;
  /** Takes the spinner away. Idempotent. */
  done(): void;
}
