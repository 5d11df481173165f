import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock, Timer } from '../../core/clock.ts';
import type { FromAgent, ToAgent } from './messages.ts';

export interface AgentDeps {
  readonly clock: Clock;
  /** The program; the built one next to this file unless a test says otherwise. */
  readonly program?: string;
  readonly onMessage: (message: FromAgent) => void;
  /** Called once: the process is gone. */
  readonly onExit: (how: string) => void;
}

/** Between two pings; the process is killed after two that it did not answer. */
const PING_MS = 5_000;
/** How long a process may take to end by itself. */
const CLOSE_MS = 2_000;
/** What a crash prints, the last of it. */
const LAST_WORDS_CHARS = 2_048;

/** A process that holds one ngrok session. Ends when this one does. */
export class AgentProcess {
  readonly #child: ChildProcess;
  readonly #deps: AgentDeps;
  readonly #exited: Promise<void>;
  #lastWords = '';
  #unanswered = 0;
  #pinging: Timer | undefined;
  #gone = false;

  constructor(deps: AgentDeps) {
    this.#deps = deps;
    const { program = fileURLToPath(new URL('./worker.js', import.meta.url)) } = deps;
    this.#child = fork(program, [], {
      // Nothing of ours is the SDK's business: it would read its authtoken and certificates there.
      env: {},
      cwd: '/',
      execArgv: [],
      // The SDK prints to standard output by itself.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS_CHARS);
    });
    this.#child.on('message', (message) => this.#received(message as FromAgent));
    this.#exited = new Promise((resolve) => {
      const gone = (how: string) => {
        if (this.#gone) return;
        this.#gone = true;
        this.#pinging?.cancel();
        deps.onExit(how);
        resolve();
      };
      this.#child.on('exit', (code, signal) => gone(this.#describe(code, signal)));
      this.#child.on('error', (error) => {
        if (this.#child.pid === undefined) gone(`it could not be started: ${error.message}`);
      });
    });
    this.#pinging = deps.clock.setTimer(() => this.#ping(), PING_MS);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: ToAgent): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Gives the endpoint back and ends the process; kills it when it takes too long. */
  async close(): Promise<void> {
    if (this.#gone) return;
    this.send({ type: 'close' });
    const timer = this.#deps.clock.setTimer(() => this.kill(), CLOSE_MS);
    await this.#exited;
    timer.cancel();
  }

  /** Also ends one that is stopped. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #ping(): void {
    if (this.#unanswered >= 2) {
      this.#deps.onMessage({
        type: 'ended',
        cause: 'connection',
        message: 'the agent process does not answer',
      });
      this.kill();
      return;
    }
    this.#unanswered += 1;
    this.send({ type: 'ping' });
    this.#pinging = this.#deps.clock.setTimer(() => this.#ping(), PING_MS);
  }

  #received(message: FromAgent): void {
    this.#unanswered = 0;
    if (message.type !== 'pong') this.#deps.onMessage(message);
  }

  #describe(code: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `exit code ${code}` : signal;
    const said = this.#lastWords.trim().split('\n').at(-1) ?? '';
    return said === '' ? how : `${how}: ${said}`;
  }
}
