import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/error-message.ts';
import { TunneldError } from '../../core/errors.ts';
import type { ServerState, Shown } from '../server.ts';
import type { ChannelSource } from './channel.ts';
import { Front } from './front.ts';
import type { Knowledge } from './knowledge.ts';
import { ModernServer, OneServer, OwnServers } from './peers.ts';
import { Sessions } from './sessions.ts';
import { SharedServer } from './shared-server.ts';
import { type Failure, Supply } from './supply.ts';

export interface BridgeOptions {
  readonly source: ChannelSource;
  readonly settings: BridgeSettings;
  /** What the server showed when it last ran. */
  readonly known: Shown | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onState: (state: ServerState) => void;
  /** Something to be written down, as a constant sentence with its fields. */
  readonly onNote: (text: string, fields: Readonly<Record<string, string | number>>) => void;
}

export interface BridgeSettings {
  /** Of Streamable HTTP. */
  readonly path: string;
  readonly process: 'per-session' | 'shared';
  readonly start: 'at-once' | 'on-demand';
  /** A server that nobody used for this long is ended (milliseconds). */
  readonly idleMs: number | undefined;
  /** Processes at once. */
  readonly processes: number;
  /** Largest message (bytes). */
  readonly messageBytes: number;
}

/** A legacy session whose client went away without a word is over after this (milliseconds). */
const SESSION_IDLE_MS = 10 * 60_000;
/** Where each session has a server of its own, the common one is for requests that have no session. */
const COMMON_IDLE_MS = 60_000;
/** After so many failed starts in a row it is said that it will not help to wait. */
const CRASH_LOOP = 4;

/** One server made reachable: its front, its processes and what is known of them. */
export class Bridge {
  readonly #options: BridgeOptions;
  readonly #supply: Supply;
  readonly #sessions: Sessions;
  readonly #shared: SharedServer;
  readonly #modern: SharedServer;
  readonly #front: Front;
  readonly #first: SharedServer;
  #proving: Promise<void> | undefined;
  /** It answered since the bridge is there. */
  #proved = false;
  #shown: Shown | undefined;
  #failure: Failure | undefined;
  #proof: Timer | undefined;
  #strays = 0;
  #closed = false;
  #last = '';

  constructor(options: BridgeOptions) {
    const { settings, clock, random, source, known } = options;
    const { idleMs, process, messageBytes, path } = settings;
    this.#options = options;
    this.#shown = known;
    const mostWaiting = messageBytes * 2;
    const onStray = () => this.#stray();
    this.#supply = new Supply({
      source,
      most: settings.processes,
      clock,
      random,
      makeRoom: async () => this.#sessions.endIdlest(),
      onFailure: (failure) => this.#failed(failure),
      onChange: () => this.#report(),
    });
    this.#sessions = new Sessions({
      // A session costs a process only where each has its own.
      idleMs: process === 'shared' ? SESSION_IDLE_MS : Math.min(idleMs ?? SESSION_IDLE_MS, SESSION_IDLE_MS),
      mostWaiting,
      clock,
      onStray,
    });
    const own = process === 'per-session';
    const common = {
      supply: this.#supply,
      clock,
      onStray,
      before: async () => await this.#proving,
      asksClients: !own,
    };
    const onKnowledge = ({ era, ...known }: Knowledge) => this.#learn({ ...shownOf(known), era });
    this.#first = new SharedServer({
      ...common,
      before: async () => undefined,
      greeting: 'any',
      idleMs: undefined,
      onKnowledge,
    });
    this.#shared = new SharedServer({
      ...common,
      greeting: 'legacy',
      idleMs,
      // A server of both eras says nothing of the other one.
      onKnowledge: (known) => this.#learn(shownOf(known)),
    });
    this.#modern = new SharedServer({
      ...common,
      greeting: 'modern',
      asksClients: false,
      idleMs: own ? Math.min(idleMs ?? COMMON_IDLE_MS, COMMON_IDLE_MS) : idleMs,
      onKnowledge,
    });
    this.#front = new Front({
      path,
      messageBytes,
      sessions: this.#sessions,
      legacy: own ? new OwnServers(this.#supply, (shown) => this.#learn(shown)) : new OneServer(this.#shared),
      modern: new ModernServer(
        this.#modern,
        () => this.#shown?.era,
        () => this.#learn({ era: 'legacy' }),
      ),
      clock,
    });
  }

  /** @throws {TunneldError} `SOCKET_UNUSABLE` */
  async listen(socketPath: string): Promise<void> {
    const { server } = this.#front;
    try {
      await rm(socketPath, { force: true });
      server.listen(socketPath);
      await once(server, 'listening');
      await chmod(socketPath, 0o600);
    } catch (cause) {
      const why = messageOf(cause);
      throw new TunneldError('SOCKET_UNUSABLE', `The socket of the server cannot be opened: ${why}`, {
        cause,
      });
    }
    if (this.#options.settings.start === 'at-once') this.#prove();
    this.#report();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#proof?.cancel();
    this.#sessions.close();
    await Promise.all([this.#supply.close(), this.#front.close()]);
  }

  /** Starts the server to see whether it works. One that is only there for that is ended again. */
  #prove(): void {
    const own = this.#options.settings.process === 'per-session';
    const proving = this.#first
      .ready()
      .then(async (running) => {
        if (own) await this.#first.stop();
        else {
          this.#first.release();
          const { era } = running.knowledge;
          await (era === 'modern' ? this.#modern : this.#shared).adopt(running);
        }
      })
      // The supply tells of it.
      .catch(() => undefined)
      .finally(() => {
        if (this.#proving === proving) this.#proving = undefined;
      });
    this.#proving = proving;
  }

  /** It answered, and showed something of itself. */
  #learn(shown: Shown): void {
    this.#shown = { ...this.#shown, ...shown };
    this.#proved = true;
    this.#failure = undefined;
    this.#report();
  }

  #failed(failure: Failure): void {
    if (this.#closed) return;
    const { error, inARow, waitMs } = failure;
    this.#options.onNote('the server ended', { code: error.code, why: error.message, inARow });
    this.#failure = failure;
    this.#report();
    if (this.#options.settings.start !== 'at-once') return;
    this.#proof?.cancel();
    // Not at once: what ended may be in its last moments still.
    this.#proof = this.#options.clock.setTimer(() => this.#prove(), Math.max(waitMs, 50));
  }

  #report(): void {
    if (this.#closed) return;
    const state = this.#state();
    const text = JSON.stringify(state);
    if (text === this.#last) return;
    this.#last = text;
    this.#options.onState(state);
  }

  #state(): ServerState {
    const { clock, settings } = this.#options;
    if (this.#supply.someProven) {
      this.#failure = undefined;
      return { kind: 'ready', shown: this.#shown };
    }
    const since = this.#supply.waitingSince;
    if (this.#failure !== undefined) return failedState(this.#failure);
    if (since !== undefined)
      return { kind: 'starting', since: Math.round(clock.now() - (clock.monotonic() - since)) };
    if (settings.start === 'at-once' && this.#proved) return { kind: 'ready', shown: this.#shown };
    return { kind: 'asleep', before: this.#shown };
  }

  /** An answer that nobody waits for, or a message that is none. */
  #stray(): void {
    this.#strays += 1;
    if (this.#strays > 1 && this.#strays % 100 !== 0) return;
    this.#options.onNote('the server sent an answer that nobody waits for', { times: this.#strays });
  }
}

function failedState({ error, inARow }: Failure): ServerState {
  const { code, message, remedy } = error;
  const waiting = inARow >= CRASH_LOOP ? ` (${inARow} times in a row)` : '';
  return { kind: 'failed', code, message: `${message}${waiting}`, remedy, inARow };
}

function shownOf({ server, tools }: Pick<Knowledge, 'server' | 'tools'>): Shown {
  return { ...(server === undefined ? {} : { server }), ...(tools === undefined ? {} : { tools }) };
}
