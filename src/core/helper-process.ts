import { type ChildProcess, fork } from 'node:child_process';
import type { Clock, Timer } from './clock.ts';

interface Typed {
  readonly type: string;
}

export interface HelperProcessOptions<FromIt extends Typed> {
  readonly clock: Clock;
  /** The program's file. It answers `{type: 'ping'}` with `{type: 'pong'}`. */
  readonly program: string;
  readonly args?: readonly string[];
  readonly execArgv?: readonly string[];
  /** The process is killed after so many pings that it did not answer, one every five seconds. */
  readonly mostUnanswered: number;
  readonly onMessage: (message: FromIt) => void;
  /** Called before the process is killed for its silence. */
  readonly onSilent?: () => void;
  /** Called once: the process is gone. */
  readonly onExit: (how: string) => void;
}

const PING_MS = 5_000;
/** What a crash prints, the last of it. */
const LAST_WORDS_CHARS = 2_048;

/**
 * Another process of ours, which exchanges messages with this one over a pipe and is killed when it no
 * longer answers. Its environment is empty: the daemon's may hold secrets.
 */
export class HelperProcess<ToIt extends Typed, FromIt extends Typed> {
  readonly #child: ChildProcess;
  readonly #options: HelperProcessOptions<FromIt>;
  readonly #exited: Promise<void>;
  #lastWords = '';
  #unanswered = 0;
  #pinging: Timer | undefined;
  #gone = false;

  constructor(options: HelperProcessOptions<FromIt>) {
    this.#options = options;
    const { program, args = [], execArgv = [] } = options;
    this.#child = fork(program, [...args], {
      env: {},
      cwd: '/',
      execArgv: [...execArgv],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS_CHARS);
    });
    this.#child.on('message', (message) => this.#received(message as FromIt | { type: 'pong' }));
    this.#exited = new Promise((resolve) => {
      const gone = (how: string) => {
        if (this.#gone) return;
        this.#gone = true;
        this.#pinging?.cancel();
        options.onExit(how);
        resolve();
      };
      this.#child.on('exit', (code, signal) => gone(this.#describe(code, signal)));
      this.#child.on('error', (error) => {
        if (this.#child.pid === undefined) gone(`it could not be started: ${error.message}`);
      });
    });
    this.#pinging = options.clock.setTimer(() => this.#ping(), PING_MS);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: ToIt | { readonly type: 'ping' }): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Closes the pipe: a program that is made for it ends by that. */
  disconnect(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  /** Waits until it is gone, and kills it when that takes longer than `ms`. */
  async endsWithin(ms: number): Promise<void> {
    const timer = this.#options.clock.setTimer(() => this.kill(), ms);
    await this.#exited;
    timer.cancel();
  }

  /** Also ends one that is stopped. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #ping(): void {
    if (this.#unanswered >= this.#options.mostUnanswered) {
      this.#options.onSilent?.();
      this.kill();
      return;
    }
    this.#unanswered += 1;
    this.send({ type: 'ping' });
    this.#pinging = this.#options.clock.setTimer(() => this.#ping(), PING_MS);
  }

  #received(message: FromIt | { type: 'pong' }): void {
    this.#unanswered = 0;
    if (message.type !== 'pong') this.#options.onMessage(message as FromIt);
  }

  #describe(code: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `exit code ${code}` : signal;
    const said = this.#lastWords.trim().split('\n').at(-1) ?? '';
    return said === '' ? how : `${how}: ${said}`;
  }
}
