import { type IncomingMessage, request } from 'node:http';
import { TunneldError } from '../core/errors.ts';
import type { TunnelStatus } from '../core/status.ts';
import {
  type DaemonInfo,
  type Diagnosis,
  PROTOCOL_VERSION,
  type TokenReveal,
  type TunnelInspection,
  type UpResult,
} from './api.ts';
import { errorFromDaemon, unreachable } from './client-errors.ts';
import { PROTOCOL_HEADER, ROUTES, type RouteName } from './routes.ts';

export interface ControlClientOptions {
  /** How long one answer may take (milliseconds). `events` has no limit. Default 30 s. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Speaks to the daemon. The verbs are those of `DaemonApi`; what the daemon refuses arrives as the
 * same `TunneldError`.
 *
 * Every method throws {TunneldError} `DAEMON_UNREACHABLE`, `PROTOCOL_MISMATCH`, `DAEMON_FAILED`.
 * Loaded by every command: Node's own `http` and nothing that takes time to load.
 */
export class ControlClient {
  readonly #socket: string;
  readonly #timeoutMs: number;

  constructor(socket: string, { timeoutMs = DEFAULT_TIMEOUT_MS }: ControlClientOptions = {}) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
  }

  info(): Promise<DaemonInfo> {
    return this.#call('info');
  }

  list(): Promise<TunnelStatus[]> {
    return this.#call('list');
  }

  status(name: string): Promise<TunnelStatus> {
    return this.#call('status', name);
  }

  inspect(name: string): Promise<TunnelInspection> {
    return this.#call('inspect', name);
  }

  diagnose(name: string): Promise<Diagnosis> {
    return this.#call('diagnose', name);
  }

  up(name: string, spec?: unknown): Promise<UpResult> {
    return this.#call('up', name, { spec });
  }

  upAll(): Promise<UpResult[]> {
    return this.#call('upAll');
  }

  down(name: string): Promise<TunnelStatus> {
    return this.#call('down', name);
  }

  downAll(): Promise<TunnelStatus[]> {
    return this.#call('downAll');
  }

  restart(name: string): Promise<TunnelStatus> {
    return this.#call('restart', name);
  }

  async remove(name: string): Promise<void> {
    await this.#call('remove', name);
  }

  showToken(name: string): Promise<TokenReveal> {
    return this.#call('showToken', name);
  }

  rotateToken(name: string, graceMs: number): Promise<TokenReveal> {
    return this.#call('rotateToken', name, { graceMs });
  }

  /** Resolves when the daemon has understood; it may still be draining. */
  async stop(): Promise<void> {
    await this.#call('stop');
  }

  /**
   * Every tunnel as it is now, then every change. Ends when the daemon stops or `signal` aborts.
   *
   * @throws {TunneldError} also when the connection breaks in the middle.
   */
  async *events(signal?: AbortSignal): AsyncGenerator<TunnelStatus, void, undefined> {
    if (signal?.aborted) return;
    try {
      const response = await this.#open('events', { signal });
      if (response.statusCode !== 200) throw errorFromDaemon(response, await textOf(response));
      let rest = '';
      for await (const chunk of response.setEncoding('utf8')) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as TunnelStatus;
      }
    } catch (error) {
      if (signal?.aborted) return;
      throw error instanceof TunneldError ? error : unreachable(error, this.#socket);
    }
  }

  async #call<T>(route: RouteName, name?: string, body?: unknown): Promise<T> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      const response = await this.#open(route, { signal, name, body });
      const text = await textOf(response);
      if (response.statusCode !== 200) throw errorFromDaemon(response, text);
      return JSON.parse(text) as T;
    } catch (error) {
      if (error instanceof TunneldError) throw error;
      if (!signal.aborted) throw unreachable(error, this.#socket);
      throw new TunneldError('DAEMON_UNREACHABLE', `The daemon did not answer within ${this.#timeoutMs} ms`, {
        cause: error,
        remedy: 'It may be overloaded or hanging: look at its log, or stop it and start it again.',
      });
    }
  }

  #open(route: RouteName, { signal, name = '', body }: CallOptions): Promise<IncomingMessage> {
    const { method, path } = ROUTES[route];
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const call = request({
        socketPath: this.#socket,
        method,
        path: path.replace(':name', encodeURIComponent(name)),
        ...(signal === undefined ? {} : { signal }),
        // One call a command, mostly: a kept connection would keep the process from ending.
        agent: false,
        headers: {
          host: 'tunneld',
          [PROTOCOL_HEADER]: String(PROTOCOL_VERSION),
          ...(payload && { 'content-type': 'application/json', 'content-length': payload.length }),
        },
      });
      call.once('response', resolve);
      call.once('error', reject);
      call.end(payload);
    });
  }
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly name?: string | undefined;
  readonly body?: unknown;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}
