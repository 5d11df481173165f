import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { TunneldError } from '../core/errors.ts';
import type { TunnelStatus } from '../core/status.ts';
import {
  type Amendment,
  type DaemonInfo,
  type Diagnosis,
  PROTOCOL_VERSION,
  type StatusEvent,
  type StreamLine,
  type TokenReveal,
  type TunnelInspection,
  type UpResult,
} from './api.ts';
import { errorFromDaemon, isAbsence, otherEvents, silence, unreachable } from './client-errors.ts';
import { ALERTS_HEADER, PROTOCOL_HEADER, ROUTES, type RouteName } from './routes.ts';

export interface ControlClientOptions {
  /** How long a change may take (milliseconds). `events` has no limit. Default 30 s. */
  readonly timeoutMs?: number;
  /** A daemon that says nothing for this long, when asked who it is, hangs (milliseconds). Default 5 s. */
  readonly silenceMs?: number;
  /** Who holds the daemon's lock: asked when the socket leads nowhere. */
  readonly owner?: () => Promise<SocketOwner | undefined>;
  /** Told once of each thing the daemon wants the user to know besides the answer. */
  readonly onAlert?: (alert: string) => void;
}

/** The daemon that runs, as its lock names it. */
export interface SocketOwner {
  readonly pid: number;
  /** ISO 8601; empty when not known. */
  readonly since: string;
  /** Where it serves; empty when not known. */
  readonly socket: string;
  /** It does not serve yet. */
  readonly starting?: boolean;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_SILENCE_MS = 5_000;
/** A daemon that runs makes its socket anew when the file went away. It gets this long (milliseconds). */
const REAPPEAR_MS = 3_000;
/** One that is still starting gets this long until it serves (milliseconds). */
const STARTING_MS = 30_000;
const RETRY_MS = 100;

/** Answered from memory: what takes longer than `silenceMs` is not worth waiting for. */
const QUICK: ReadonlySet<RouteName> = new Set(['info', 'list', 'status', 'inspect', 'showToken', 'stop']);

/**
 * Speaks to the daemon. The verbs are those of `DaemonApi`; what the daemon refuses arrives as the
 * same `TunneldError`.
 *
 * Every method throws {TunneldError} `DAEMON_UNREACHABLE` (none runs, or it is another user's),
 * `DAEMON_SILENT` (one runs, and does not answer), `PROTOCOL_MISMATCH`, `DAEMON_FAILED`.
 * Loaded by every command: Node's own `http` and nothing that takes time to load.
 */
export class ControlClient {
  #socket: string;
  readonly #timeoutMs: number;
  readonly #silenceMs: number;
  readonly #owner: () => Promise<SocketOwner | undefined>;
  readonly #onAlert: (alert: string) => void;
  readonly #alerted = new Set<string>();

  constructor(socket: string, options: ControlClientOptions = {}) {
    this.#socket = socket;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#silenceMs = options.silenceMs ?? DEFAULT_SILENCE_MS;
    this.#owner = options.owner ?? (async () => undefined);
    this.#onAlert = options.onAlert ?? (() => {});
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

  change(name: string, amendment: Amendment): Promise<UpResult> {
    return this.#call('change', name, amendment);
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
   * @throws {TunneldError} also when the connection breaks in the middle, and when no sign of life comes.
   */
  async *events(signal?: AbortSignal): AsyncGenerator<StatusEvent, void, undefined> {
    if (signal?.aborted) return;
    const silent = new AbortController();
    let quiet = 0;
    let reading = true;
    // Thrice half the time: after a pause of this process what has come meanwhile is read first.
    const pulse = setInterval(() => {
      quiet = reading ? quiet + 1 : 0;
      if (quiet > 2) silent.abort();
    }, this.#silenceMs / 2);
    try {
      const either = AbortSignal.any([silent.signal, ...(signal === undefined ? [] : [signal])]);
      const response = await this.#find('events', { signal: either });
      if (response.statusCode !== 200) throw errorFromDaemon(response, await textOf(response));
      let begun = false;
      for await (const line of linesOf(response, () => (quiet = 0))) {
        if ('alerts' in line) {
          for (const alert of line.alerts) this.#alertOnce(alert);
          continue;
        }
        if (!begun && !('tunnels' in line)) throw otherEvents();
        begun = true;
        reading = false;
        yield line;
        reading = true;
        quiet = 0;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (silent.signal.aborted)
        throw silence(await this.#owner(), `said nothing for ${seconds(this.#silenceMs)}`);
      throw error instanceof TunneldError ? error : unreachable(error, this.#socket);
    } finally {
      clearInterval(pulse);
    }
  }

  async #call<T>(route: RouteName, name?: string, body?: unknown): Promise<T> {
    if (QUICK.has(route)) return await this.#ask<T>(route, AbortSignal.timeout(this.#silenceMs), name, body);
    const silent = new AbortController();
    const limit = AbortSignal.any([AbortSignal.timeout(this.#timeoutMs), silent.signal]);
    // A change may take its time, but only in a daemon that still answers other questions.
    const pulse = setInterval(() => {
      this.#ask('info', AbortSignal.timeout(this.#silenceMs)).catch((error) => silent.abort(error));
    }, this.#silenceMs);
    try {
      return await this.#ask<T>(route, limit, name, body);
    } finally {
      clearInterval(pulse);
    }
  }

  async #ask<T>(route: RouteName, signal: AbortSignal, name?: string, body?: unknown): Promise<T> {
    const startedAt = performance.now();
    try {
      const response = await this.#find(route, { signal, name, body });
      const text = await textOf(response);
      this.#alert(response.headers[ALERTS_HEADER]);
      if (response.statusCode !== 200) throw errorFromDaemon(response, text);
      return JSON.parse(text) as T;
    } catch (error) {
      if (error instanceof TunneldError) throw error;
      if (!signal.aborted) throw unreachable(error, this.#socket);
      if (signal.reason instanceof TunneldError) throw signal.reason;
      throw silence(await this.#owner(), `did not answer within ${seconds(performance.now() - startedAt)}`);
    }
  }

  #alert(header: string | string[] | undefined): void {
    for (const alert of decodeAlerts(header)) this.#alertOnce(alert);
  }

  #alertOnce(alert: string): void {
    if (this.#alerted.has(alert)) return;
    this.#alerted.add(alert);
    this.#onAlert(alert);
  }

  /** Finds the daemon where its lock says it serves, and one whose socket is being made. */
  async #find(route: RouteName, options: CallOptions): Promise<IncomingMessage> {
    const startedAt = performance.now();
    for (;;) {
      try {
        return await this.#open(route, options);
      } catch (error) {
        if (!isAbsence(error)) throw error;
        const owner = await this.#owner();
        if (owner === undefined) throw error;
        const patience = owner.starting === true ? STARTING_MS : REAPPEAR_MS;
        if (performance.now() - startedAt >= patience) {
          throw silence(owner, `does not serve its socket (${this.#socket})`);
        }
        if (owner.socket !== '') this.#socket = owner.socket;
        await delay(RETRY_MS, undefined, options.signal && { signal: options.signal });
      }
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

/** @param onData told of everything that comes, signs of life included */
async function* linesOf(response: IncomingMessage, onData: () => void): AsyncGenerator<StreamLine, void> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    onData();
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield JSON.parse(line) as StreamLine;
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1_000)} s`;
}

function decodeAlerts(header: string | string[] | undefined): readonly string[] {
  if (typeof header !== 'string') return [];
  try {
    const alerts: unknown = JSON.parse(decodeURIComponent(header));
    return Array.isArray(alerts) ? alerts.map(String) : [];
  } catch {
    return [];
  }
}
