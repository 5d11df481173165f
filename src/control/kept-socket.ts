import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { dirname, join } from 'node:path';
import { type Clock, systemClock, type Timer } from '../core/clock.ts';
import { messageOf } from '../core/error-message.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { claimSocket } from './socket.ts';

/** How often the path is looked at (milliseconds). One system call. */
const LOOK_MS = 1_000;

export interface KeptSocketOptions {
  /** Where to serve. */
  readonly socket: string;
  /** Where to serve while the other path cannot be had; none: nowhere then. */
  readonly fallback?: string | undefined;
  /** Makes the folder of a socket when it is gone, and refuses one that is not private. */
  readonly prepare?: ((socket: string) => void) | undefined;
  /** Told where the socket is from now on. */
  readonly onMoved?: ((socket: string) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly log: Logger;
}

interface Bound {
  readonly path: string;
  readonly server: Server;
  /** Device and inode; undefined when the file was gone as soon as it was made. */
  readonly id: string | undefined;
}

/**
 * Serves a Unix socket, and serves it again when its file went away: a runtime folder is removed at
 * logout (systemd-logind), a temporary one by a cleaner, and the daemon still runs.
 */
export class KeptSocket {
  readonly #options: KeptSocketOptions;
  readonly #listener: RequestListener;
  readonly #servers = new Set<Server>();
  #bound: Bound;
  #timer: Timer | undefined;
  #closed = false;
  #complaint = '';

  private constructor(options: KeptSocketOptions, listener: RequestListener, bound: Bound) {
    this.#options = options;
    this.#listener = listener;
    this.#bound = bound;
    this.#servers.add(bound.server);
    if (bound.id !== undefined) this.#lookLater();
  }

  /** @throws {TunneldError} `DAEMON_ALREADY_RUNNING`, `SOCKET_UNUSABLE` */
  static async open(options: KeptSocketOptions, listener: RequestListener): Promise<KeptSocket> {
    return new KeptSocket(options, listener, await bind(options.socket, listener));
  }

  /** Ends every connection. Removes the file if it is still ours. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#remove(this.#bound);
    await Promise.all(
      [...this.#servers].map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#timer = (this.#options.clock ?? systemClock).setTimer(() => void this.#look(), LOOK_MS);
  }

  async #look(): Promise<void> {
    const { socket, fallback, log, onMoved } = this.#options;
    const last = this.#bound;
    const kept = isOurs(last);
    if (!kept || last.path !== socket) {
      const next =
        (await this.#bindAgain(socket, kept)) ??
        (kept || fallback === undefined ? undefined : await this.#bindAgain(fallback, kept));
      if (next !== undefined) {
        this.#complaint = '';
        this.#bound = next;
        this.#servers.add(next.server);
        if (kept) this.#remove(last);
        // Who is being answered is answered to the end.
        last.server.close(() => this.#servers.delete(last.server));
        log.warn({ socket: next.path, before: last.path }, 'the control socket was gone, and is back');
        onMoved?.(next.path);
      }
    }
    this.#lookLater();
  }

  /** @param quiet while another socket serves, a failure is no news */
  async #bindAgain(path: string, quiet: boolean): Promise<Bound | undefined> {
    try {
      this.#options.prepare?.(path);
      const bound = await bind(path, this.#listener);
      if (!this.#closed) return bound;
      this.#remove(bound);
      bound.server.close();
    } catch (error) {
      const message = messageOf(error);
      if (!quiet && message !== this.#complaint) {
        this.#options.log.warn({ socket: path, cause: message }, 'the control socket cannot be served again');
        this.#complaint = message;
      }
    }
    return undefined;
  }

  #remove(bound: Bound): void {
    if (bound.id === undefined || !isOurs(bound)) return;
    try {
      unlinkSync(bound.path);
    } catch {
      // Its folder went away or was closed to us: then nothing leads to it either.
    }
  }
}

function isOurs({ path, id }: Bound): boolean {
  return id === undefined || idOf(path) === id;
}

function idOf(path: string): string | undefined {
  try {
    const { dev, ino } = lstatSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/**
 * The file appears under its name when it is closed to others and served. It is made under another
 * one, because closing a server removes whatever stands where it was made, a successor's too.
 */
async function bind(path: string, listener: RequestListener): Promise<Bound> {
  await claimSocket(path);
  const server = createServer(listener);
  const made = join(dirname(path), `.t${randomBytes(4).toString('hex')}`);
  try {
    await listen(server, made);
    chmodSync(made, 0o600);
    publish(made, path);
    return { path, server, id: idOf(path) };
  } catch (cause) {
    server.close();
    if (cause instanceof TunneldError) throw cause;
    const reason = messageOf(cause).replaceAll(made, path);
    throw new TunneldError('SOCKET_UNUSABLE', `${path} cannot be listened on: ${reason}`, { cause });
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      // A connection that cannot be accepted (out of descriptors) is the caller's to ask for again.
      server.on('error', () => {});
      resolve();
    });
  });
}

/** A rival that was faster keeps its socket: a link never replaces anything. */
function publish(made: string, path: string): void {
  try {
    linkSync(made, path);
    unlinkSync(made);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new TunneldError('DAEMON_ALREADY_RUNNING', `A daemon answers on ${path}`);
    }
    // Some file systems know no second name for a file.
    renameSync(made, path);
  }
}
