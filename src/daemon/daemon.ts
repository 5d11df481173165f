import { isDeepStrictEqual } from 'node:util';
import type { Paths } from '../config/paths.ts';
import type { Config, TunnelSpec } from '../config/schema.ts';
import { SERVER_KEYS } from '../config/server-keys.ts';
import type {
  Amendment,
  DaemonApi,
  DaemonInfo,
  Diagnosis,
  StatusChange,
  TokenReveal,
  TunnelInspection,
  UpResult,
} from '../control/api.ts';
import { TunneldError } from '../core/errors.ts';
import type { TunnelStatus } from '../core/status.ts';
import { amended } from './amended.ts';
import { ConfigFollower } from './config-follower.ts';
import { alertsOf, infoOf } from './daemon-info.ts';
import { keysOf, newTunnel, ruledByFile } from './definition-refusals.ts';
import { Definitions } from './definitions.ts';
import type { MetricsSource } from './metrics.ts';
import type { Traffic } from './traffic.ts';
import type { Tunnel } from './tunnel.ts';
import type { TunnelDefinition } from './tunnel-definition.ts';
import { rotateToken, showToken } from './tunnel-tokens.ts';
import { Tunnels, type TunnelsOptions } from './tunnels.ts';

export interface DaemonOptions extends Omit<TunnelsOptions, 'definitions' | 'drainMs'> {
  readonly paths: Paths;
  readonly config: Config;
  /** Things to say at every `daemon status`. Added to while the daemon runs. */
  readonly notes: string[];
  readonly relayUrl: URL;
  readonly healthUrl: () => URL;
  /** Ends the process in good order. */
  readonly onStop: () => void;
}

/**
 * What the user wants, kept: every tunnel of the config file and of `tunneld up`, under its token,
 * up or down as last asked for, whether or not a daemon ran in between.
 */
export class Daemon implements DaemonApi, MetricsSource {
  readonly #options: DaemonOptions;
  readonly #tunnels: Tunnels;
  readonly #startedAt: number;
  readonly #definitions: Definitions;
  readonly #file: ConfigFollower;
  #socket: string;
  #stopping = false;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#socket = options.paths.socket;
    this.#startedAt = options.clock.now();
    const { store, env, redactor, clock, config, logs } = options;
    const onNote = (note: string) => this.#note(note);
    const definitions = new Definitions({ store, env, redactor, clock, onNote, log: logs.daemon });
    const tunnels = new Tunnels({ ...options, definitions, drainMs: config.daemon.drainTimeout });
    const stopping = () => this.#stopping;
    this.#file = new ConfigFollower({ ...options, initial: config, onNote, definitions, tunnels, stopping });
    this.#definitions = definitions;
    this.#tunnels = tunnels;
  }

  /** Brings back everything that is wanted. A tunnel that cannot be set up is left failed. */
  async start(): Promise<void> {
    for (const [name, stored] of this.#options.store.tunnels) {
      if (stored.spec === undefined || this.#file.current.tunnels[name] !== undefined) continue;
      const config = this.#definitions.stored(name, stored.spec);
      if (config === undefined) continue;
      this.#tunnels.add(name, this.#definitions.withToken(name, { ...stored, config, source: 'cli' }));
    }
    for (const [name, config] of Object.entries(this.#file.current.tunnels)) {
      this.#tunnels.add(name, this.#definitions.fromFile(name, config));
    }
    await Promise.allSettled(
      this.#tunnels.all.map((tunnel) => tunnel.apply(tunnel.definition, 'the daemon started')),
    );
  }

  info(): DaemonInfo {
    const { paths, notes, relayUrl, healthUrl } = this.#options;
    return infoOf({
      paths: { ...paths, socket: this.#socket },
      notes,
      relayUrl,
      healthUrl: healthUrl(),
      startedAt: this.#startedAt,
      configError: this.#file.error,
      alerts: this.alerts,
      tunnels: this.list(),
      stopping: this.#stopping,
    });
  }

  /** The control socket is there from now on. */
  servedAt(socket: string): void {
    this.#socket = socket;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  list(): readonly TunnelStatus[] {
    return this.#tunnels.list();
  }

  status(name: string): TunnelStatus {
    return this.#tunnels.find(name).status;
  }

  inspect(name: string): TunnelInspection {
    return this.#tunnels.find(name).inspection;
  }

  async diagnose(name: string): Promise<Diagnosis> {
    return await this.#tunnels.find(name).diagnose();
  }

  traffic(name: string): Traffic {
    return this.#tunnels.find(name).traffic;
  }

  get droppedLogLines(): number {
    return this.#options.logs.dropped;
  }

  now(): number {
    return this.#options.clock.now();
  }

  async up(name: string, spec: unknown): Promise<UpResult> {
    if (this.#tunnels.get(name) === undefined) await this.reload();
    if (spec !== undefined && spec !== null)
      return await this.#amend(name, { set: keysOf(name, spec) }, 'up');
    const tunnel = this.#tunnels.get(name);
    if (tunnel === undefined) throw newTunnel(name);
    return await this.#define(name, { ...tunnel.definition, desired: 'up' });
  }

  async change(name: string, amendment: Amendment): Promise<UpResult> {
    return await this.#amend(name, amendment, this.#tunnels.find(name).definition.desired);
  }

  async upAll(): Promise<readonly UpResult[]> {
    await this.reload();
    if (this.#file.error !== undefined) {
      const { message, remedy } = this.#file.error;
      throw new TunneldError('CONFIG_INVALID', message, { remedy });
    }
    const enabled = this.#tunnels.all.filter(({ definition }) => definition.config.enabled);
    return await Promise.all(
      enabled.map(({ name, definition }) => this.#define(name, { ...definition, desired: 'up' })),
    );
  }

  async down(name: string): Promise<TunnelStatus> {
    const tunnel = this.#tunnels.find(name);
    await this.#apply(tunnel, { ...tunnel.definition, desired: 'down' }, 'asked to go down');
    return tunnel.status;
  }

  async downAll(): Promise<readonly TunnelStatus[]> {
    return await Promise.all(this.#tunnels.all.map(({ name }) => this.down(name)));
  }

  async restart(name: string): Promise<TunnelStatus> {
    const tunnel = this.#tunnels.find(name);
    const definition: TunnelDefinition = { ...tunnel.definition, desired: 'up' };
    this.#definitions.keep(name, definition);
    await tunnel.restart(definition, 'restart asked for');
    return tunnel.status;
  }

  async remove(name: string): Promise<void> {
    const tunnel = this.#tunnels.find(name);
    if (tunnel.definition.source === 'file') {
      throw new TunneldError('CONFIG_INVALID', `"${name}" is defined in ${this.#options.paths.configFile}.`, {
        remedy: 'Remove it there; the daemon follows the file.',
      });
    }
    this.#definitions.forget(name);
    await this.#tunnels.remove(tunnel, 'removed');
  }

  async showToken(name: string): Promise<TokenReveal> {
    return showToken(this.#tunnels.find(name), this.#definitions, this.now());
  }

  async rotateToken(name: string, graceMs: number): Promise<TokenReveal> {
    return rotateToken(this.#tunnels.find(name), this.#definitions, graceMs, this.now());
  }

  subscribe(listener: (change: StatusChange) => void): () => void {
    return this.#tunnels.subscribe(listener);
  }

  stop(): void {
    this.#options.onStop();
  }

  /**
   * Reads the config file again. A bad edit keeps the last good one, and is said in `info`.
   *
   * @param final tunnels that are gone from the file are closed at once, even when the file is gone
   */
  async reload(how: { readonly final?: boolean } = {}): Promise<void> {
    await this.#file.reload(how);
  }

  /** What the user has to know at every command, not only at `daemon status`. One sentence each. */
  get alerts(): readonly string[] {
    return alertsOf(this.#options.store, this.#file.error);
  }

  /** The machine slept, or the clock was set: every delay and every verdict is of another time. */
  wake(reason: string): void {
    for (const tunnel of this.#tunnels.all) tunnel.wake(reason);
  }

  /** Lets exchanges in flight finish (at most `drainMs`), then releases everything. */
  async close(drainMs: number): Promise<void> {
    this.#stopping = true;
    await this.#tunnels.close(drainMs);
    this.#file.close();
    this.#definitions.close();
  }

  /** What the amendment does not speak of stays as it was defined; the file's tunnels are the file's. */
  async #amend(name: string, amendment: Amendment, desired: 'up' | 'down'): Promise<UpResult> {
    const known = this.#tunnels.get(name)?.definition;
    const { set = {} } = amendment;
    if (known === undefined && SERVER_KEYS.every((key) => set[key] === undefined)) throw newTunnel(name);
    const before = known === undefined ? undefined : this.#definitions.written(name, known);
    const { spec, config, changes } = amended(name, before ?? {}, amendment);
    this.#definitions.assertUsable(config);
    const same = known !== undefined && isDeepStrictEqual(known.config, config);
    if (known?.source === 'file' && !same)
      throw await ruledByFile(name, this.#options.paths.configFile, changes);
    // The same in other words (`port` for `url`) is remembered as it was written last.
    if (same) return await this.#define(name, { ...known, desired }, spec);
    const tokens = known?.tokens ?? [];
    const result = await this.#define(name, { config, source: 'cli', desired, tokens }, spec);
    return known === undefined ? result : { ...result, changes };
  }

  /** Makes a tunnel what the definition says, new or known, and remembers it. */
  async #define(name: string, wanted: TunnelDefinition, spec?: TunnelSpec): Promise<UpResult> {
    await this.#tunnels.left(name);
    const known = this.#tunnels.get(name);
    const changed = known !== undefined && known.definition.config !== wanted.config;
    const definition = this.#definitions.withToken(name, wanted);
    const token = definition.tokens === wanted.tokens ? undefined : definition.tokens[0]?.value.reveal();
    // What is new has to be on the disk before it is promised; what is known comes up in any case.
    if (known !== undefined && !changed && token === undefined)
      this.#definitions.keep(name, definition, spec);
    else this.#definitions.save(name, definition, spec);
    const tunnel = known ?? this.#tunnels.add(name, definition);
    await tunnel.apply(definition, 'asked to come up');
    return {
      status: tunnel.status,
      created: known === undefined,
      changed,
      ...(token === undefined ? {} : { token }),
    };
  }

  async #apply(tunnel: Tunnel, definition: TunnelDefinition, cause: string): Promise<void> {
    this.#definitions.keep(tunnel.name, definition);
    await tunnel.apply(definition, cause);
  }

  #note(note: string): void {
    const { notes, logs } = this.#options;
    if (notes.includes(note)) return;
    notes.push(note);
    logs.daemon.warn({ note }, 'something to know');
  }
}
