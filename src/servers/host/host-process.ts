import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock, Timer } from '../../core/clock.ts';
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

/** Between two pings; the process is given up after three that it did not answer. */
const PING_MS = 5_000;
const MOST_UNANSWERED = 3;
/** Its programs get this long to end (milliseconds). */
const CLOSE_MS = 5_000;
const LAST_WORDS_CHARS = 2_048;

/** The process that holds the servers' programs. Secrets reach it over a pipe, never as arguments. */
export class HostProcess {
  readonly #child: ChildProcess;
  readonly #options: HostProcessOptions;
  readonly #exited: Promise<void>;
  #lastWords = '';
  #unanswered = 0;
  #pinging: Timer | undefined;

  constructor(options: HostProcessOptions) {
    this.#options = options;
    const {
      program = fileURLToPath(new URL('./main.js', import.meta.url)),
      journalFile,
      execArgv = [],
    } = options;
    this.#child = fork(program, [journalFile], {
      // What the daemon has in its environment is none of the programs' business.
      env: {},
      cwd: '/',
      execArgv: [...execArgv],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS_CHARS);
    });
    this.#child.on('message', (message) => this.#received(message as FromHost));
    this.#exited = new Promise((resolve) => {
      let gone = false;
      const end = (how: string) => {
        if (gone) return;
        gone = true;
        this.#pinging?.cancel();
        options.onExit(how);
        resolve();
      };
      this.#child.on('exit', (code, signal) => end(this.#describe(code, signal)));
      this.#child.on('error', (error) => {
        if (this.#child.pid === undefined) end(`it could not be started: ${error.message}`);
      });
    });
    this.#pinging = options.clock.setTimer(() => this.#ping(), PING_MS);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: ToHost): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Ends it and every program it holds. */
  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = this.#options.clock.setTimer(() => this.#child.kill('SIGKILL'), CLOSE_MS);
    await this.#exited;
    timer.cancel();
  }

  #ping(): void {
    if (this.#unanswered >= MOST_UNANSWERED) {
      this.#child.kill('SIGKILL');
      return;
    }
    this.#unanswered += 1;
    this.send({ type: 'ping' });
    this.#pinging = this.#options.clock.setTimer(() => this.#ping(), PING_MS);
  }

  #received(message: FromHost): void {
    this.#unanswered = 0;
    if (message.type !== 'pong') this.#options.onMessage(message);
  }

  #describe(code: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `exit code ${code}` : signal;
    const said = this.#lastWords.trim().split('\n').at(-1) ?? '';
    return said === '' ? how : `${how}: ${said}`;
  }
}
