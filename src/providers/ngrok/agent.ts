import { fileURLToPath } from 'node:url';
import type { Clock } from '../../core/clock.ts';
import { HelperProcess } from '../../core/helper-process.ts';
import type { FromAgent, ToAgent } from './messages.ts';

export interface AgentDeps {
  readonly clock: Clock;
  /** The program; the built one next to this file unless a test says otherwise. */
  readonly program?: string;
  readonly onMessage: (message: FromAgent) => void;
  /** Called once: the process is gone. */
  readonly onExit: (how: string) => void;
}

/** How long a process may take to end by itself (milliseconds). */
const CLOSE_MS = 2_000;

/**
 * A process that holds one ngrok session. Ends when this one does. Nothing in the daemon's environment is
 * the SDK's business: it would read its authtoken and certificates there.
 */
export class AgentProcess {
  readonly #process: HelperProcess<ToAgent, FromAgent>;

  constructor({ clock, program, onMessage, onExit }: AgentDeps) {
    this.#process = new HelperProcess({
      clock,
      program: program ?? fileURLToPath(new URL('./worker.js', import.meta.url)),
      mostUnanswered: 2,
      onMessage,
      onSilent: () =>
        onMessage({ type: 'ended', cause: 'connection', message: 'the agent process does not answer' }),
      onExit,
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(message: ToAgent): void {
    this.#process.send(message);
  }

  /** Gives the endpoint back and ends the process; kills it when it takes too long. */
  async close(): Promise<void> {
    this.send({ type: 'close' });
    await this.#process.endsWithin(CLOSE_MS);
  }

  /** Also ends one that is stopped. */
  kill(): void {
    this.#process.kill();
  }
}
