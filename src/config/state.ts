import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import Conf from 'conf';
import { type Clock, systemClock } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { attempt, closeFile, reasonOf } from './private-files.ts';
import {
  fromDisk,
  STATE_VERSION,
  type StateOnDisk,
  type StoredTunnel,
  stateOnDisk,
  toDisk,
  tunnelName,
  tunnelOnDisk,
} from './state-schema.ts';

export interface StateOptions {
  readonly clock?: Clock;
  readonly random?: (bytes: number) => Buffer;
}

/**
 * The daemon's memory between runs: which tunnels are wanted, under which tokens, and who it is.
 *
 * Every change is on the disk before the call returns: written to a new file that replaces the old
 * one, so that a crash leaves one or the other whole. Only one daemon may have it open (its lock).
 */
export class StateStore {
  /** What had to be mended while opening, for the user to know. One sentence each. */
  readonly notes: readonly string[];
  /** Names this installation towards relays and in marker headers. Not a secret. */
  readonly instance: string;
  /** Signs registrations at the embedded relay. */
  readonly relaySecret: Secret;
  readonly #disk: Conf<StateOnDisk>;
  #tunnels: ReadonlyMap<string, StoredTunnel>;

  /** @throws {TunneldError} `STATE_UNWRITABLE` */
  constructor(file: string, { clock = systemClock, random = randomBytes }: StateOptions = {}) {
    const aside = (kind: string) =>
      `${file}.${kind}-${new Date(clock.now()).toISOString().replace(/[:.]/g, '-')}`;
    removeUnfinishedWrites(file);
    const notes = existsSync(file) ? closeFile(file) : [];
    const read = readState(file, aside, notes);
    const state = read ?? {
      version: STATE_VERSION,
      instance: random(8).toString('hex'),
      relaySecret: random(32).toString('base64url'),
      tunnels: {},
    };
    this.instance = state.instance;
    this.relaySecret = new Secret(state.relaySecret);
    this.#tunnels = keepGoodTunnels(state.tunnels, aside('rejected'), notes);
    this.notes = notes;
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
    this.#write(this.#tunnels);
  }

  get tunnels(): ReadonlyMap<string, StoredTunnel> {
    return this.#tunnels;
  }

  /**
   * Remembers a tunnel in place of what was known of it.
   *
   * @throws {TunneldError} `STATE_UNWRITABLE`; then nothing has changed, in memory either.
   */
  save(name: string, tunnel: StoredTunnel): void {
    this.#write(new Map(this.#tunnels).set(tunnelName.parse(name), tunnel));
  }

  /** Forgets a tunnel and its tokens. @throws {TunneldError} `STATE_UNWRITABLE` */
  remove(name: string): void {
    const rest = new Map(this.#tunnels);
    if (rest.delete(name)) this.#write(rest);
  }

  #write(tunnels: ReadonlyMap<string, StoredTunnel>): void {
    attempt('STATE_UNWRITABLE', `${this.#disk.path} cannot be written`, () => {
      this.#disk.store = {
        version: STATE_VERSION,
        instance: this.instance,
        relaySecret: this.relaySecret.reveal(),
        tunnels: Object.fromEntries([...tunnels].map(([name, tunnel]) => [name, toDisk(tunnel)])),
      };
    });
    this.#tunnels = tunnels;
  }
}

/** A daemon killed while it wrote left its new file behind, tokens included. */
function removeUnfinishedWrites(file: string): void {
  const folder = dirname(file);
  if (!existsSync(folder)) return;
  attempt('STATE_UNWRITABLE', `${folder} cannot be cleaned`, () => {
    for (const name of readdirSync(folder)) {
      if (name.startsWith(`${basename(file)}.tmp-`)) rmSync(join(folder, name), { force: true });
    }
  });
}

/** The state on disk; undefined when there is none, or none that can be used (then it is kept aside). */
function readState(file: string, aside: (kind: string) => string, notes: string[]): StateOnDisk | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TunneldError('STATE_UNWRITABLE', `${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
  const result = stateOnDisk.safeParse(parseJson(text));
  if (result.success) return result.data;
  const kept = aside('corrupt');
  attempt('STATE_UNWRITABLE', `${file} cannot be moved aside`, () => renameSync(file, kept));
  notes.push(`${file} was damaged and is kept as ${kept}; tunnels made with \`tunneld up\` start anew`);
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function keepGoodTunnels(
  stored: Readonly<Record<string, unknown>>,
  asideFile: string,
  notes: string[],
): ReadonlyMap<string, StoredTunnel> {
  const good = new Map<string, StoredTunnel>();
  const bad: [name: string, tunnel: unknown][] = [];
  for (const [name, tunnel] of Object.entries(stored)) {
    const result = tunnelOnDisk.safeParse(tunnel);
    if (result.success && tunnelName.safeParse(name).success) good.set(name, fromDisk(result.data));
    else bad.push([name, tunnel]);
  }
  if (bad.length > 0) {
    const names = bad.map(([name]) => name).join(', ');
    attempt('STATE_UNWRITABLE', `${asideFile} cannot be written`, () => {
      writeFileSync(asideFile, JSON.stringify(Object.fromEntries(bad), undefined, 2), { mode: 0o600 });
    });
    notes.push(`The stored state of ${names} was not usable and is kept in ${asideFile}`);
  }
  return good;
}
