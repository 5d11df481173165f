import { TunneldError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { SessionEnd } from '../../core/session-end.ts';
import type { TunnelSession } from '../provider.ts';
import { type AgentDeps, AgentProcess } from './agent.ts';
import type { Said } from './failures.ts';
import type { AgentSettings, FromAgent } from './messages.ts';
import './errors.ts';

export interface SessionDeps {
  readonly clock: AgentDeps['clock'];
  readonly program: string | undefined;
  readonly clean: (text: string) => string;
  readonly log: Logger;
  /** What ngrok said when it ended an open session. */
  readonly failureOf: (said: Said) => TunneldError;
}

export type Opening =
  | { readonly kind: 'opened' }
  | { readonly kind: 'failed'; readonly said: Said }
  | { readonly kind: 'unusable' | 'crashed'; readonly detail: string };

/** One agent process, from its start to its end. */
export class NgrokSession implements TunnelSession {
  readonly expiresAt = undefined;
  readonly closed: Promise<SessionEnd>;
  /** Settles once the agent said how its attempt went. */
  readonly opening: Promise<Opening>;
  readonly #deps: SessionDeps;
  readonly #agent: AgentProcess;
  #settleOpening: (opening: Opening) => void = () => {};
  #settleClosed: (end: SessionEnd) => void = () => {};
  #end: SessionEnd | undefined;
  #url: URL | undefined;
  #latencyMs: number | undefined;

  constructor(settings: AgentSettings, deps: SessionDeps) {
    this.#deps = deps;
    this.opening = new Promise((resolve) => {
      this.#settleOpening = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.#agent = new AgentProcess({
      clock: deps.clock,
      ...(deps.program === undefined ? {} : { program: deps.program }),
      onMessage: (message) => this.#onMessage(message),
      onExit: (how) => this.#onExit(deps.clean(how)),
    });
    this.#agent.send({ type: 'open', settings });
  }

  get publicUrl(): URL {
    if (this.#url === undefined) throw new Error('The session has no URL yet');
    return this.#url;
  }

  get pid(): number | undefined {
    return this.#agent.pid;
  }

  /** What the last heartbeat took (milliseconds). */
  get latencyMs(): number | undefined {
    return this.#latencyMs;
  }

  async close(): Promise<void> {
    this.#end ??= { reason: 'closed-by-us' };
    await this.#agent.close();
    await this.closed;
  }

  #onMessage(message: FromAgent): void {
    const { clean, log } = this.#deps;
    switch (message.type) {
      case 'opened':
        this.#opened(message.url);
        break;
      case 'unusable':
        this.#settleOpening({ kind: 'unusable', detail: clean(message.message) });
        break;
      case 'failed':
        this.#settleOpening({ kind: 'failed', said: this.#said(message) });
        break;
      case 'heartbeat':
        this.#latencyMs = message.latencyMs;
        break;
      case 'ended':
        log.info({ cause: message.cause, code: message.code }, 'the agent says that the session ended');
        this.#ended(message);
        break;
      case 'pong':
        break;
    }
  }

  #opened(url: string): void {
    if (!URL.canParse(url)) {
      this.#settleOpening({ kind: 'crashed', detail: `ngrok gave no usable URL (${url})` });
      return;
    }
    this.#url = new URL(url);
    this.#settleOpening({ kind: 'opened' });
  }

  #ended(message: Extract<FromAgent, { type: 'ended' }>): void {
    const said = this.#said(message);
    this.#settleOpening({ kind: 'failed', said });
    const error = message.cause === 'stop-command' ? stopped() : this.#deps.failureOf(said);
    this.#end ??= { reason: 'ended', error };
    // A session that ended has an open socket until its process is gone.
    void this.#agent.close();
  }

  #onExit(how: string): void {
    this.#settleOpening({ kind: 'crashed', detail: how });
    const error = new TunneldError('NGROK_FAILED', `The agent process ended (${how})`);
    this.#settleClosed(this.#end ?? { reason: 'ended', error });
  }

  #said({ message, code }: { readonly message: string; readonly code?: string }): Said {
    const clean = this.#deps.clean(message);
    return code === undefined ? { message: clean } : { message: clean, code };
  }
}

function stopped(): TunneldError {
  return new TunneldError('NGROK_STOPPED', 'The session was stopped from the ngrok dashboard');
}
