import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname } from 'node:path';
import Conf from 'conf';
import { type Clock, systemClock } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { attempt, closeFile, isStorageShort, reasonOf } from './private-files.ts';
import { copyState, readState, removeUnfinishedWrites } from './state-file.ts';
import {
  fromDisk,
  STATE_VERSION,
  type StateOnDisk,
  type StoredTunnel,
  toDisk,
  tunnelName,
  tunnelOnDisk,
} from './state-schema.ts';

export interface StateOptions {
  readonly clock?: Clock;
  readonly random?: (bytes: number) => Buffer;
}

type Tunnels = ReadonlyMap<string, StoredTunnel>;

/**
 * The daemon's memory between runs: which tunnels are wanted, under which tokens, and who it is.
 *
 * A change is on the disk before the call returns: written to a new file that replaces the old one,
 * so that a crash leaves one or the other whole, with a copy beside it. What must be done in any case
 * (closing a public tunnel) is remembered as soon as the disk takes it. Only one daemon may have it
 * open (its lock).
 */
export class StateStore {
  /** What had to be repaired while opening, for the user to know. One sentence each. */
  readonly notes: readonly string[];
  /** The state that was found could not be used as it was. One sentence each. */
  readonly alerts: readonly string[];
  /** Names this installation towards relays and in marker headers. Not a secret. */
  readonly instance: string;
  /** Nothing was remembered: a first start, or everything was lost. */
  readonly fresh: boolean;
  /** Signs registrations at the embedded relay. */
  readonly relaySecret: Secret;
  readonly #file: string;
  readonly #disk: Conf<StateOnDisk>;
  #tunnels: Tunnels;
  #unwritten: TunneldError | undefined;

  /** @throws {TunneldError} `STATE_UNWRITABLE`, `STATE_NEWER` */
  constructor(file: string, { clock = systemClock, random = randomBytes }: StateOptions = {}) {
    const aside = (kind: string) =>
      `${file}.${kind}-${new Date(clock.now()).toISOString().replace(/[:.]/g, '-')}`;
    this.#file = file;
    removeUnfinishedWrites(file);
    const notes = existsSync(file) ? closeFile(file) : [];
    const { state: read, alerts } = readState(file, aside('corrupt'));
    const state = read ?? {
      version: STATE_VERSION,
      instance: random(8).toString('hex'),
      relaySecret: random(32).toString('base64url'),
      tunnels: {},
    };
    this.fresh = read === undefined;
    this.instance = state.instance;
    this.relaySecret = new Secret(state.relaySecret);
    const { good, rejected } = sortOut(state.tunnels, aside('rejected'));
    this.#tunnels = good;
    this.notes = notes;
    this.alerts = [...alerts, ...rejected];
    const extension = extname(file);
    this.#disk = attempt('STATE_UNWRITABLE', `${file} cannot be opened`, () => {
      return new Conf<StateOnDisk>({
        cwd: dirname(file),
        configName: basename(file, extension),
        fileExtension: extension.slice(1),
        configFileMode: 0o600,
      });
    });
    // Finds out at the start, not at the first rotation, that the folder cannot be written.
    this.flush();
    if (this.#unwritten !== undefined && !isStorageShort(this.#unwritten.cause)) throw this.#unwritten;
  }

  get tunnels(): Tunnels {
    return this.#tunnels;
  }

  /** Why the disk does not have what is remembered here; undefined when it has. */
  get unwritten(): TunneldError | undefined {
    return this.#unwritten;
  }

  /**
   * Remembers a tunnel in place of what was known of it.
   *
   * @throws {TunneldError} `STATE_UNWRITABLE`; then nothing has changed, in memory either.
   */
  save(name: string, tunnel: StoredTunnel): void {
    const tunnels = new Map(this.#tunnels).set(tunnelName.parse(name), tunnel);
    this.#write(tunnels);
    this.#tunnels = tunnels;
  }

  /** The same for what must be done in any case. When the disk does not take it, `unwritten` says so. */
  keep(name: string, tunnel: StoredTunnel): void {
    this.#tunnels = new Map(this.#tunnels).set(tunnelName.parse(name), tunnel);
    this.flush();
  }

  /** Forgets a tunnel and its tokens, in the same way. */
  remove(name: string): void {
    const rest = new Map(this.#tunnels);
    if (!rest.delete(name)) return;
    this.#tunnels = rest;
    this.flush();
  }

  /** Tries to write what the disk does not have yet. */
  flush(): void {
    try {
      this.#write(this.#tunnels);
    } catch (error) {
      this.#unwritten = error as TunneldError;
    }
  }

  #write(tunnels: Tunnels): void {
    attempt('STATE_UNWRITABLE', `${this.#disk.path} cannot be written`, () => {
      this.#disk.store = {
        version: STATE_VERSION,
        instance: this.instance,
        relaySecret: this.relaySecret.reveal(),
        tunnels: Object.fromEntries([...tunnels].map(([name, tunnel]) => [name, toDisk(tunnel)])),
      };
    });
    this.#unwritten = undefined;
    copyState(this.#file);
  }
}

/** The tunnels that can be used, and the word about the others: a bad one does not take the good with it. */
function sortOut(
  stored: Readonly<Record<string, unknown>>,
  asideFile: string,
): { good: Tunnels; rejected: readonly string[] } {
  const good = new Map<string, StoredTunnel>();
  const bad: [name: string, tunnel: unknown][] = [];
  for (const [name, tunnel] of Object.entries(stored)) {
    const result = tunnelOnDisk.safeParse(tunnel);
    if (result.success && tunnelName.safeParse(name).success) good.set(name, fromDisk(result.data));
    else bad.push([name, tunnel]);
  }
  if (bad.length === 0) return { good, rejected: [] };
  const names = bad.map(([name]) => name).join(', ');
  try {
    writeFileSync(asideFile, JSON.stringify(Object.fromEntries(bad), undefined, 2), { mode: 0o600 });
  } catch (cause) {
    // What cannot be kept is not overwritten either.
    throw new TunneldError('STATE_UNWRITABLE', `${asideFile} cannot be written: ${reasonOf(cause)}`, {
      cause,
    });
  }
  return { good, rejected: [`The stored state of ${names} was not usable and is kept in ${asideFile}`] };
}
