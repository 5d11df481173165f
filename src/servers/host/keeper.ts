import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '../../core/clock.ts';
import { type ErrorCode, TunneldError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { ServerState } from '../server.ts';
import { endLeftGroups } from './group-journal.ts';
import { HostProcess } from './host-process.ts';
import type { FromHost, OpenRequest } from './messages.ts';

export interface KeeperOptions {
  /** For sockets and the journal; made when needed, closed to others (0700). */
  readonly folder: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** The host's program, where it is not the built one. */
  readonly program?: string;
  readonly execArgv?: readonly string[];
}

export interface OpenedServer {
  readonly socketPath: string;
  readonly state: ServerState;
  close(): Promise<void>;
}

export interface ServerEvents {
  state(state: ServerState): void;
  line(line: string): void;
  note(text: string, fields: Readonly<Record<string, string | number>>): void;
}

interface Entry {
  readonly request: OpenRequest;
  readonly events: ServerEvents;
  state: ServerState;
  /** Settles the open or close that is under way. */
  settle: ((error?: TunneldError) => void) | undefined;
}

const BASE_MS = 100;
const MOST_MS = 10_000;

/**
 * The one process for the programs of all tunnels: started for the first of them, ended with the last.
 * When it is killed, what it left is ended, and another one takes its place.
 */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #entries = new Map<number, Entry>();
  #host: HostProcess | undefined;
  #retry: Timer | undefined;
  #failures = 0;
  #count = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Ends what was left by a daemon and its host that were killed at once. */
  removeLeftovers(): void {
    const { folder, log } = this.#options;
    const ended = endLeftGroups(this.#journalFile);
    if (ended > 0)
      log.warn({ programs: ended }, 'programs of an earlier run were still there, and were ended');
    for (const name of namesIn(folder)) rmSync(join(folder, name), { force: true });
  }

  /** @throws {TunneldError} `SOCKET_UNUSABLE`, `SERVER_HOST_LOST` */
  async open(request: Omit<OpenRequest, 'socketPath'>, events: ServerEvents): Promise<OpenedServer> {
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 });
    const id = ++this.#count;
    const socketPath = join(this.#options.folder, `${id}.sock`);
    assertSocketPath(socketPath);
    const entry: Entry = {
      request: { ...request, socketPath },
      events,
      state: { kind: 'asleep', before: request.known },
      settle: undefined,
    };
    this.#entries.set(id, entry);
    const opened = new Promise<void>((resolve, reject) => {
      entry.settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#start();
    this.#host?.send({ type: 'open', id, request: entry.request });
    try {
      await opened;
    } catch (error) {
      await this.#close(id);
      throw error;
    }
    return {
      socketPath,
      get state() {
        return entry.state;
      },
      close: () => this.#close(id),
    };
  }

  /** Ends the process, and every program with it. */
  async close(): Promise<void> {
    this.#entries.clear();
    await this.#stop();
  }

  get #journalFile(): string {
    return join(this.#options.folder, 'groups');
  }

  #start(): void {
    if (this.#host !== undefined || this.#retry !== undefined) return;
    const { clock, program, execArgv } = this.#options;
    const host: HostProcess = new HostProcess({
      clock,
      journalFile: this.#journalFile,
      ...(program === undefined ? {} : { program }),
      ...(execArgv === undefined ? {} : { execArgv }),
      onMessage: (message) => this.#received(message),
      onExit: (how) => this.#exited(host, how),
    });
    this.#host = host;
  }

  async #close(id: number): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    const host = this.#host;
    if (host !== undefined && this.#entries.size > 0) {
      const closed = new Promise<void>((resolve) => this.#closing.set(id, resolve));
      host.send({ type: 'close', id });
      await closed;
    }
    if (this.#entries.size === 0) await this.#stop();
    rmSync(entry.request.socketPath, { force: true });
  }

  readonly #closing = new Map<number, () => void>();

  async #stop(): Promise<void> {
    this.#retry?.cancel();
    this.#retry = undefined;
    const host = this.#host;
    this.#host = undefined;
    await host?.close();
    if (this.#host === undefined) endLeftGroups(this.#journalFile);
  }

  #received(message: FromHost): void {
    if (message.type === 'pong') return;
    if (message.type === 'closed') {
      this.#closing.get(message.id)?.();
      this.#closing.delete(message.id);
      return;
    }
    const entry = this.#entries.get(message.id);
    if (entry === undefined) return;
    if (message.type === 'opened') {
      this.#failures = 0;
      entry.settle?.();
    } else if (message.type === 'refused') {
      entry.settle?.(new TunneldError(message.code as ErrorCode, message.message));
    } else if (message.type === 'state') this.#setState(entry, message.state);
    else if (message.type === 'line') entry.events.line(message.line);
    else entry.events.note(message.text, message.fields);
  }

  #exited(host: HostProcess, how: string): void {
    for (const resolve of this.#closing.values()) resolve();
    this.#closing.clear();
    if (this.#host !== host) return;
    this.#host = undefined;
    const { log, clock, random } = this.#options;
    const programs = endLeftGroups(this.#journalFile);
    log.warn({ how, programs }, 'the process that holds the servers was lost; its programs were ended');
    const lost = new TunneldError('SERVER_HOST_LOST', `The process that runs the server was lost (${how})`);
    for (const entry of this.#entries.values()) {
      const { code, message, remedy } = lost;
      this.#setState(entry, { kind: 'failed', code, message, remedy, inARow: this.#failures + 1 });
      if (this.#failures > 2) entry.settle?.(lost);
    }
    const delayMs = random() * Math.min(MOST_MS, BASE_MS * 2 ** this.#failures++);
    this.#retry = clock.setTimer(() => {
      this.#retry = undefined;
      if (this.#entries.size === 0) return;
      this.#start();
      for (const [id, { request }] of this.#entries) this.#host?.send({ type: 'open', id, request });
    }, delayMs);
  }

  #setState(entry: Entry, state: ServerState): void {
    entry.state = state;
    entry.events.state(state);
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** `sun_path` is 104 bytes on macOS and 108 on Linux, its final zero byte included. */
function assertSocketPath(path: string): void {
  const most = process.platform === 'darwin' ? 103 : 107;
  if (Buffer.byteLength(path) <= most) return;
  throw new TunneldError(
    'SOCKET_UNUSABLE',
    `The path of the server's socket is longer than ${most} bytes: ${path}`,
    {
      remedy: 'Choose a shorter folder with TUNNELD_RUNTIME_DIR.',
    },
  );
}
