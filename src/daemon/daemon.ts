import { createHmac } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Paths } from '../config/paths.ts';
import { placeInFile } from '../config/place-in-file.ts';
import type { Config, TunnelConfig, TunnelSpec } from '../config/schema.ts';
import type { StateStore } from '../config/state.ts';
import type { StoredToken } from '../config/state-schema.ts';
import { parseTunnelSpec } from '../config/tunnel-spec.ts';
import type {
  Amendment,
  DaemonApi,
  DaemonInfo,
  Diagnosis,
  KeyChange,
  StatusChange,
  TokenReveal,
  TunnelInspection,
  UpResult,
} from '../control/api.ts';
import type { Clock } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import type { Redactor } from '../core/redact.ts';
import { Secret } from '../core/secret.ts';
import type { TunnelStatus } from '../core/status.ts';
import type { SessionOwner } from '../providers/provider.ts';
import { amended } from './amended.ts';
import { ConfigFile } from './config-file.ts';
import { alertsOf, infoOf } from './daemon-info.ts';
import { Definitions } from './definitions.ts';
import type { LogBook } from './log-book.ts';
import type { MetricsSource } from './metrics.ts';
import type { ConfiguredProvider } from './provider-setup.ts';
import { rotated, usable } from './tokens.ts';
import type { Traffic } from './traffic.ts';
import { Tunnel } from './tunnel.ts';
import type { TunnelDefinition } from './tunnel-definition.ts';

export interface DaemonOptions {
  readonly paths: Paths;
  readonly env: NodeJS.ProcessEnv;
  readonly store: StateStore;
  /** Of the state folder: see `placeOf`. */
  readonly place: string;
  readonly config: Config;
  readonly logs: LogBook;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly random: () => number;
  /** Things to say at every `daemon status`. Added to while the daemon runs. */
  readonly notes: string[];
  readonly relayUrl: URL;
  readonly healthUrl: () => URL;
  readonly provider: (config: TunnelConfig) => Promise<ConfiguredProvider>;
  /** Loads what such a tunnel will need, while it can be loaded. */
  readonly prepare: (config: TunnelConfig) => void;
  /** Whether an attempt of this kind of provider could get anywhere. */
  readonly online: (config: TunnelConfig) => boolean;
  /** Ends the process in good order. */
  readonly onStop: () => void;
}

/**
 * What the user wants, kept: every tunnel of the config file and of `tunneld up`, under its token,
 * up or down as last asked for, whether or not a daemon ran in between.
 */
export class Daemon implements DaemonApi, MetricsSource {
  readonly #options: DaemonOptions;
  readonly #tunnels = new Map<string, Tunnel>();
  /** Removed, and not gone yet: the next one of that name begins after it. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #listeners = new Set<(change: StatusChange) => void>();
  readonly #startedAt: number;
  readonly #owner: SessionOwner;
  readonly #definitions: Definitions;
  readonly #file: ConfigFile;
  #socket: string;
  #stopping = false;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#socket = options.paths.socket;
    this.#startedAt = options.clock.now();
    // Lasting and secret, without a secret of its own in the state.
    const key = createHmac('sha256', options.store.relaySecret.reveal()).update('owner of leftovers');
    const { instance } = options.store;
    this.#owner = { instance, place: options.place, key: new Secret(key.digest('hex')) };
    const { store, env, redactor, clock, paths, config, logs } = options;
    const onNote = (note: string) => this.#note(note);
    const onDue = () => void this.reload({ final: true });
    this.#file = new ConfigFile({ paths, env, clock, initial: config, onNote, onDue });
    this.#definitions = new Definitions({ store, env, redactor, clock, onNote, log: logs.daemon });
  }

  /** Brings back everything that is wanted. A tunnel that cannot be set up is left failed. */
  async start(): Promise<void> {
    for (const [name, stored] of this.#options.store.tunnels) {
      if (stored.spec === undefined || this.#file.current.tunnels[name] !== undefined) continue;
      const config = this.#definitions.stored(name, stored.spec);
      if (config === undefined) continue;
      this.#add(name, this.#definitions.withToken(name, { ...stored, config, source: 'cli' }));
    }
    for (const [name, config] of Object.entries(this.#file.current.tunnels)) {
      this.#add(name, this.#definitions.fromFile(name, config));
    }
    await Promise.allSettled(
      [...this.#tunnels.values()].map((tunnel) => tunnel.apply(tunnel.definition, 'the daemon started')),
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
    return [...this.#tunnels.values()].map(({ status }) => status).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  status(name: string): TunnelStatus {
    return this.#find(name).status;
  }

  inspect(name: string): TunnelInspection {
    return this.#find(name).inspection;
  }

  async diagnose(name: string): Promise<Diagnosis> {
    return await this.#find(name).diagnose();
  }

  traffic(name: string): Traffic {
    return this.#find(name).traffic;
  }

  get droppedLogLines(): number {
    return this.#options.logs.dropped;
  }

  now(): number {
    return this.#options.clock.now();
  }

  async up(name: string, spec: unknown): Promise<UpResult> {
    if (!this.#tunnels.has(name)) await this.reload();
    if (spec !== undefined && spec !== null)
      return await this.#amend(name, { set: keysOf(name, spec) }, 'up');
    const tunnel = this.#tunnels.get(name);
    if (tunnel === undefined) throw newTunnel(name);
    return await this.#define(name, { ...tunnel.definition, desired: 'up' });
  }

  async change(name: string, amendment: Amendment): Promise<UpResult> {
    return await this.#amend(name, amendment, this.#find(name).definition.desired);
  }

  async upAll(): Promise<readonly UpResult[]> {
    await this.reload();
    if (this.#file.error !== undefined) {
      const { message, remedy } = this.#file.error;
      throw new TunneldError('CONFIG_INVALID', message, { remedy });
    }
    const enabled = [...this.#tunnels.values()].filter(({ definition }) => definition.config.enabled);
    return await Promise.all(
      enabled.map(({ name, definition }) => this.#define(name, { ...definition, desired: 'up' })),
    );
  }

  async down(name: string): Promise<TunnelStatus> {
    const tunnel = this.#find(name);
    await this.#apply(tunnel, { ...tunnel.definition, desired: 'down' }, 'asked to go down');
    return tunnel.status;
  }

  async downAll(): Promise<readonly TunnelStatus[]> {
    return await Promise.all([...this.#tunnels.keys()].map((name) => this.down(name)));
  }

  async restart(name: string): Promise<TunnelStatus> {
    const tunnel = this.#find(name);
    const definition: TunnelDefinition = { ...tunnel.definition, desired: 'up' };
    this.#definitions.keep(name, definition);
    await tunnel.restart(definition, 'restart asked for');
    return tunnel.status;
  }

  async remove(name: string): Promise<void> {
    const tunnel = this.#find(name);
    if (tunnel.definition.source === 'file') {
      throw new TunneldError('CONFIG_INVALID', `"${name}" is defined in ${this.#options.paths.configFile}.`, {
        remedy: 'Remove it there; the daemon follows the file.',
      });
    }
    this.#definitions.forget(name);
    await this.#drop(tunnel, 'removed');
  }

  async showToken(name: string): Promise<TokenReveal> {
    const tunnel = this.#find(name);
    const revealed = reveal(name, this.#definitions.tokensOf(name, tunnel.definition), this.now());
    const { probeKey } = tunnel;
    return probeKey === undefined ? revealed : { ...revealed, probeKey };
  }

  async rotateToken(name: string, graceMs: number): Promise<TokenReveal> {
    const tunnel = this.#find(name);
    const { config, tokens } = tunnel.definition;
    this.#definitions.tokensOf(name, tunnel.definition);
    if (config.access.token !== undefined) {
      throw new TunneldError('CONFIG_INVALID', `The token of "${name}" comes from its configuration.`, {
        remedy: 'Change it where `access.token` points to, then `tunneld restart`.',
      });
    }
    const next = rotated(tokens, this.now(), graceMs);
    this.#definitions.keepSecret(next);
    this.#definitions.save(name, { ...tunnel.definition, tokens: next });
    tunnel.setTokens(next);
    return reveal(name, next, this.now());
  }

  subscribe(listener: (change: StatusChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  stop(): void {
    this.#options.onStop();
  }

  /**
   * Reads the config file again. A bad edit keeps the last good one, and is said in `info`.
   *
   * @param final tunnels that are gone from the file are closed at once, even when the file is gone
   */
  async reload({ final = false } = {}): Promise<void> {
    const { logs } = this.#options;
    const before = { config: this.#file.current, error: this.#file.error };
    if (final) logs.reopen();
    // What an edit adds now would outlive `close`.
    if (this.#stopping) return;
    this.#file.read(final);
    const { current: config, error } = this.#file;
    if (error !== undefined && error.message !== before.error?.message)
      logs.daemon.warn(
        { code: error.code, cause: error.message, remedy: error.remedy },
        'config not applied',
      );
    if (before.config === config || isDeepStrictEqual(before.config, config)) return;
    if (!isDeepStrictEqual(before.config.daemon, config.daemon)) {
      this.#note('The settings below `daemon:` changed; they count from the next start of the daemon.');
    }
    logs.daemon.info({ tunnels: Object.keys(config.tunnels).length }, 'config applied');
    await Promise.allSettled([...this.#followFile(before.config, config)]);
  }

  /** What the user has to know at every command, not only at `daemon status`. One sentence each. */
  get alerts(): readonly string[] {
    return alertsOf(this.#options.store, this.#file.error);
  }

  /** The machine slept, or the clock was set: every delay and every verdict is of another time. */
  wake(reason: string): void {
    for (const tunnel of this.#tunnels.values()) tunnel.wake(reason);
  }

  /** Lets exchanges in flight finish (at most `drainMs`), then releases everything. */
  async close(drainMs: number): Promise<void> {
    this.#stopping = true;
    const tunnels = [...this.#tunnels.values()];
    await Promise.allSettled(tunnels.map((tunnel) => tunnel.drain(drainMs)));
    await Promise.allSettled(tunnels.map((tunnel) => tunnel.close('the daemon stops')));
    await Promise.allSettled(this.#leaving.values());
    this.#file.close();
    this.#definitions.close();
  }

  /** What the amendment does not speak of stays as it was defined; the file's tunnels are the file's. */
  async #amend(name: string, amendment: Amendment, desired: 'up' | 'down'): Promise<UpResult> {
    const known = this.#tunnels.get(name)?.definition;
    const { set = {} } = amendment;
    if (known === undefined && set['port'] === undefined && set['url'] === undefined) throw newTunnel(name);
    const before = known === undefined ? undefined : this.#definitions.written(name, known);
    const { spec, config, changes } = amended(name, before ?? {}, amendment);
    this.#definitions.assertUsable(config);
    const same = known !== undefined && isDeepStrictEqual(known.config, config);
    if (known?.source === 'file' && !same) throw await this.#fileRules(name, changes);
    // The same in other words (`port` for `url`) is remembered as it was written last.
    if (same) return await this.#define(name, { ...known, desired }, spec);
    const tokens = known?.tokens ?? [];
    const result = await this.#define(name, { config, source: 'cli', desired, tokens }, spec);
    return known === undefined ? result : { ...result, changes };
  }

  async #fileRules(name: string, changes: readonly KeyChange[]): Promise<TunneldError> {
    const place = await placeInFile(this.#options.paths.configFile, ['tunnels', name]);
    const keys = changes.map(({ key }) => key).join(', ');
    return new TunneldError(
      'CONFIG_INVALID',
      `"${name}" is defined in ${place}, and the file rules: ${keys}`,
      {
        remedy: 'Change it there: the daemon follows the file as soon as it is saved.',
      },
    );
  }

  /** Makes a tunnel what the definition says, new or known, and remembers it. */
  async #define(name: string, wanted: TunnelDefinition, spec?: TunnelSpec): Promise<UpResult> {
    await this.#leaving.get(name);
    const known = this.#tunnels.get(name);
    const changed = known !== undefined && known.definition.config !== wanted.config;
    const definition = this.#definitions.withToken(name, wanted);
    const token = definition.tokens === wanted.tokens ? undefined : definition.tokens[0]?.value.reveal();
    // What is new has to be on the disk before it is promised; what is known comes up in any case.
    if (known !== undefined && !changed && token === undefined)
      this.#definitions.keep(name, definition, spec);
    else this.#definitions.save(name, definition, spec);
    const tunnel = known ?? this.#add(name, definition);
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

  /** What changed in the file becomes what is wanted; what did not change stays as the user left it. */
  *#followFile(before: Config, after: Config): Iterable<Promise<void>> {
    for (const name of Object.keys(before.tunnels)) {
      const tunnel = this.#tunnels.get(name);
      if (after.tunnels[name] === undefined && tunnel !== undefined) {
        yield this.#drop(tunnel, 'no longer in the config file');
      }
    }
    for (const [name, config] of Object.entries(after.tunnels)) {
      if (isDeepStrictEqual(before.tunnels[name], config)) continue;
      yield this.#defineFromFile(name, config, before.tunnels[name]);
    }
  }

  async #defineFromFile(name: string, config: TunnelConfig, before: TunnelConfig | undefined): Promise<void> {
    await this.#leaving.get(name);
    if (this.#stopping) return;
    const definition = this.#definitions.fromFile(name, config, before);
    const tunnel = this.#tunnels.get(name) ?? this.#add(name, definition);
    await tunnel.apply(definition, 'the config file changed');
  }

  #add(name: string, definition: TunnelDefinition): Tunnel {
    this.#options.prepare(definition.config);
    const { store, env, clock, random, logs, redactor, provider, online, config } = this.#options;
    const tunnel = new Tunnel(name, definition, {
      instance: store.instance,
      owner: this.#owner,
      env,
      clock,
      random,
      log: logs.tunnel(name),
      provider,
      online,
      drainMs: config.daemon.drainTimeout,
      clean: (text) => redactor.clean(text),
      onSecret: (secret) => redactor.add(secret),
      lastGatewayPort: () => store.tunnels.get(name)?.gatewayPort,
      onGatewayPort: (gatewayPort) => {
        const stored = store.tunnels.get(name);
        if (stored !== undefined && stored.gatewayPort !== gatewayPort) {
          this.#definitions.keepStored(name, { ...stored, gatewayPort });
        }
      },
      onChange: (status) => {
        // What is removed may take its time to end, and is nobody's business any more.
        if (this.#tunnels.get(name) === tunnel) this.#publish({ changed: status });
      },
    });
    this.#tunnels.set(name, tunnel);
    this.#publish({ changed: tunnel.status });
    return tunnel;
  }

  /** From now on nobody finds it; one of its name that is asked for meanwhile is another. */
  async #drop(tunnel: Tunnel, cause: string): Promise<void> {
    this.#tunnels.delete(tunnel.name);
    this.#publish({ removed: tunnel.name });
    const gone = this.#release(tunnel, cause);
    this.#leaving.set(
      tunnel.name,
      gone.catch(() => {}),
    );
    await gone;
  }

  async #release(tunnel: Tunnel, cause: string): Promise<void> {
    try {
      await tunnel.close(cause);
    } finally {
      await this.#options.logs.closeTunnel(tunnel.name);
      this.#leaving.delete(tunnel.name);
    }
  }

  #publish(change: StatusChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  #find(name: string): Tunnel {
    const tunnel = this.#tunnels.get(name);
    if (tunnel === undefined) throw new TunneldError('TUNNEL_NOT_FOUND', `No tunnel is called "${name}"`);
    return tunnel;
  }

  #note(note: string): void {
    const { notes, logs } = this.#options;
    if (notes.includes(note)) return;
    notes.push(note);
    logs.daemon.warn({ note }, 'something to know');
  }
}

function newTunnel(name: string): TunneldError {
  return new TunneldError('TUNNEL_NOT_FOUND', `"${name}" is new: say where its server is.`, {
    remedy: `\`tunneld up ${name} --port 3845\` for one on port 3845; \`tunneld status\` lists the known ones.`,
  });
}

/** @throws {TunneldError} `CONFIG_INVALID` for what has no keys */
function keysOf(name: string, spec: unknown): Readonly<Record<string, unknown>> {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) parseTunnelSpec(name, spec);
  return spec as Readonly<Record<string, unknown>>;
}

function reveal(name: string, tokens: readonly StoredToken[], now: number): TokenReveal {
  const [current, previous] = usable(tokens, now);
  if (current === undefined) throw new Error(`"${name}" has no usable token`);
  return {
    name,
    token: current.value.reveal(),
    ...(previous?.notAfter === undefined ? {} : { previousValidUntil: previous.notAfter }),
  };
}
