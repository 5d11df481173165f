import { execFile } from 'node:child_process';
import type { Clock } from './clock.ts';

/** Tells the service manager one thing. Resolves when it was told, or could not be. */
export type Notify = (...lines: readonly string[]) => Promise<void>;

/** STATUS= follows at this pace (milliseconds): each telling is a process of its own. */
const STATUS_PACE_MS = 1_000;

/** The drain gets as long as it needs; what comes after it, this much (milliseconds). */
const AFTER_DRAIN_MS = 15_000;

export interface NotifierOptions {
  readonly notify: Notify;
  /** `WATCHDOG_USEC` (microseconds); undefined or 0: there is no watchdog. */
  readonly watchdogUsec?: number;
  readonly clock: Clock;
}

export interface Watched {
  /** One line that the service manager shows. */
  status(): string;
  /** Calls back when that may have changed. */
  subscribe?(listener: () => void): () => void;
}

/**
 * What systemd is told: ready, how it goes, and that the event loop still turns.
 *
 * The sign of life comes from a timer of the same loop that carries the traffic: when the loop
 * hangs, no sign is given, and systemd starts the daemon anew.
 */
export class ServiceNotifier {
  readonly #options: NotifierOptions;
  #queue: Promise<void> = Promise.resolve();
  #status = '';
  #statusDue = false;
  #stopped = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Socket and configuration are there; sessions may still be opening. */
  ready(watched: Watched): void {
    this.#status = watched.status();
    this.#tell('READY=1', `STATUS=${this.#status}`);
    watched.subscribe?.(() => this.#statusLater(watched));
    const { watchdogUsec = 0 } = this.#options;
    // Half of what is allowed: one late sign is not the end.
    if (watchdogUsec > 0) this.#signOfLife(watchdogUsec / 2_000);
  }

  async reloading(work: () => Promise<void>): Promise<void> {
    this.#tell('RELOADING=1');
    await work();
    this.#tell('READY=1', `STATUS=${this.#status}`);
  }

  /** @param drainMs how long exchanges in flight may still take */
  stopping(drainMs: number): void {
    this.#stopped = true;
    this.#tell('STOPPING=1', 'STATUS=draining', `EXTEND_TIMEOUT_USEC=${(drainMs + AFTER_DRAIN_MS) * 1_000}`);
  }

  /** Also while it drains, which may take longer than the watchdog waits. */
  #signOfLife(everyMs: number): void {
    this.#options.clock.setTimer(() => {
      this.#tell('WATCHDOG=1');
      this.#signOfLife(everyMs);
    }, everyMs);
  }

  #statusLater(watched: Watched): void {
    if (this.#statusDue) return;
    this.#statusDue = true;
    this.#options.clock.setTimer(() => {
      this.#statusDue = false;
      const status = watched.status();
      if (status === this.#status || this.#stopped) return;
      this.#status = status;
      this.#tell(`STATUS=${status}`);
    }, STATUS_PACE_MS);
  }

  /** One after the other: READY told before RELOADING must not arrive after it. */
  #tell(...lines: readonly string[]): void {
    this.#queue = this.#queue.then(() => this.#options.notify(...lines));
  }
}

/**
 * The notifier of this process; undefined when no service manager listens.
 *
 * Takes the variables out of `env`: a program the daemon runs must not speak for it.
 */
export function serviceNotifier(env: NodeJS.ProcessEnv, clock: Clock): ServiceNotifier | undefined {
  const socket = env['NOTIFY_SOCKET'];
  const watchdogUsec = Number(env['WATCHDOG_USEC'] ?? 0);
  const others = { PATH: env['PATH'] };
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  if (socket === undefined || socket === '') return undefined;
  return new ServiceNotifier({ notify: systemdNotify(socket, others), watchdogUsec, clock });
}

/** Node has no datagram Unix sockets; `systemd-notify` comes with systemd. */
function systemdNotify(socket: string, env: NodeJS.ProcessEnv): Notify {
  return (...lines) =>
    new Promise((resolve) => {
      const options = { env: { ...env, NOTIFY_SOCKET: socket }, timeout: 10_000 };
      execFile('systemd-notify', [`--pid=${process.pid}`, ...lines], options, (error) => {
        // Into the journal. Whether that ends the service is for its manager to decide.
        if (error !== null) process.emitWarning(`The service manager was not told: ${error.message}`);
        resolve();
      });
    });
}
