import { TunneldError } from '../../core/errors.ts';
import type { Client } from './client.ts';
import { isRecord, type RpcMessage } from './rpc.ts';

/** Least severe first, as in RFC 5424. */
export const LOG_LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;

/** One client of a shared server. */
export class Member {
  readonly #client: Client;
  /** What it is told of, besides answers: each its own calls only, or all that the server says. */
  readonly #listens: boolean;
  readonly subscriptions = new Set<string>();
  /** The least severe log messages it wants, by their place in `LOG_LEVELS`. */
  level: number | undefined;
  #capabilities: Readonly<Record<string, unknown>> = {};

  constructor(client: Client, listens: boolean) {
    this.#client = client;
    this.#listens = listens;
  }

  /** What it said of itself in its `initialize`. */
  introduce(capabilities: unknown): void {
    if (isRecord(capabilities)) this.#capabilities = capabilities;
  }

  /** Whether it can answer such a question of the server. */
  can(method: string): boolean {
    const needed = QUESTIONS[method];
    return needed !== undefined && this.#capabilities[needed] !== undefined;
  }

  /** Whether a notification that is meant for everybody is for this one. */
  wants({ method, params }: RpcMessage): boolean {
    if (!this.#listens) return false;
    if (method === 'notifications/resources/updated') return this.#follows(String(params?.['uri']));
    if (method !== 'notifications/message' || this.level === undefined) return true;
    return (logLevel(params?.['level']) ?? LOG_LEVELS.length) >= this.level;
  }

  /** What changed may be a part of what it subscribed to. */
  #follows(uri: string): boolean {
    for (const followed of this.subscriptions) if (uri.startsWith(followed)) return true;
    return false;
  }

  deliver(message: RpcMessage, text?: string): void {
    this.#client.deliver(message, text ?? JSON.stringify(message));
  }

  /** Its request could not be passed on. */
  fail({ id, method }: RpcMessage, error: unknown): void {
    if (id === undefined || id === null || method === undefined) return;
    const why =
      error instanceof TunneldError
        ? error
        : new TunneldError('INTERNAL', 'The request could not be passed on');
    // The server is not there, for anybody.
    this.#client.end(why);
  }

  end(why: TunneldError): void {
    this.#client.end(why);
  }
}

/** The capability that a client has if it can answer. */
const QUESTIONS: Readonly<Record<string, string>> = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
};

export function logLevel(name: unknown): number | undefined {
  const at = (LOG_LEVELS as readonly unknown[]).indexOf(name);
  return at === -1 ? undefined : at;
}
