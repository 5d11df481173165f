import { newAccessToken } from '../config/access-token.ts';
import type { TunnelConfig, TunnelSpec } from '../config/schema.ts';
import { resolveAccessToken } from '../config/secrets.ts';
import type { StateStore } from '../config/state.ts';
import type { StoredToken, StoredTunnel } from '../config/state-schema.ts';
import { parseTunnelSpec } from '../config/tunnel-spec.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Redactor } from '../core/redact.ts';
import { kindOf } from '../providers/kinds.ts';
import { providerInput } from './provider-setup.ts';
import { made, usable } from './tokens.ts';
import type { TunnelDefinition } from './tunnel-definition.ts';

interface DefinitionsOptions {
  readonly store: StateStore;
  readonly env: NodeJS.ProcessEnv;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly onNote: (note: string) => void;
  readonly log: Logger;
}

/** A full disk is tried again this often (milliseconds). */
const REWRITE_MS = 5_000;

/** What is wanted of each tunnel, as the file, the user and the last run said it. */
export class Definitions {
  readonly #options: DefinitionsOptions;
  #rewrite: Timer | undefined;
  #closed = false;

  constructor(options: DefinitionsOptions) {
    this.#options = options;
    for (const { tokens } of options.store.tunnels.values()) this.keepSecret(tokens);
  }

  /** Finds out before anything is changed what would stop the tunnel from being set up. */
  assertUsable(config: TunnelConfig): void {
    const { env, onNote } = this.#options;
    const kind = kindOf(config.provider);
    kind.assertUsable(providerInput(kind, config, env, onNote));
    const { token } = config.access;
    if (token !== undefined) resolveAccessToken(token, env, onNote);
  }

  /** Every tunnel that needs a token has one. The same definition when nothing was made. */
  withToken(name: string, definition: TunnelDefinition): TunnelDefinition {
    const { access } = definition.config;
    const stored = this.#options.store.tunnels.get(name)?.tokens ?? [];
    const tokens = definition.tokens.length > 0 ? definition.tokens : stored;
    if (access.insecurePublic || access.token !== undefined) return definition;
    if (tokens.length > 0) return tokens === definition.tokens ? definition : { ...definition, tokens };
    const created = [made(newAccessToken(), this.#options.clock.now())];
    this.keepSecret(created);
    return { ...definition, tokens: created };
  }

  /** A tunnel of the file is wanted up when it is enabled, unless the user took it down since. */
  fromFile(name: string, config: TunnelConfig, before?: TunnelConfig): TunnelDefinition {
    const stored = this.#options.store.tunnels.get(name);
    const switchedOn = before?.enabled === false && config.enabled;
    const takenDown = stored?.source === 'file' && stored.desired === 'down' && !switchedOn;
    const definition = this.withToken(name, {
      config,
      source: 'file',
      desired: config.enabled && !takenDown ? 'up' : 'down',
      tokens: stored?.tokens ?? [],
    });
    this.keep(name, definition);
    return definition;
  }

  /** The definition as it was written; that of the file with its defaults filled in. */
  written(name: string, { source, config }: TunnelDefinition): TunnelSpec {
    const stored = source === 'cli' ? this.#options.store.tunnels.get(name)?.spec : undefined;
    return stored ?? config;
  }

  /** A spec that an older version accepted may be refused by this one; the others go on. */
  stored(name: string, spec: TunnelSpec): TunnelConfig | undefined {
    try {
      return parseTunnelSpec(name, spec);
    } catch (error) {
      if (!(error instanceof TunneldError)) throw error;
      this.#options.onNote(`The tunnel "${name}" is not brought up: ${error.message}`);
      return undefined;
    }
  }

  /** @throws {TunneldError} `STATE_UNWRITABLE`; then nothing has changed */
  save(name: string, definition: TunnelDefinition, spec?: TunnelSpec): void {
    this.#options.store.save(name, this.#toStore(name, definition, spec));
  }

  /** The same for what must be done in any case: the store says when it could not be written. */
  keep(name: string, definition: TunnelDefinition, spec?: TunnelSpec): void {
    this.keepStored(name, this.#toStore(name, definition, spec));
  }

  keepStored(name: string, tunnel: StoredTunnel): void {
    this.#options.store.keep(name, tunnel);
    this.#writeLater();
  }

  forget(name: string): void {
    this.#options.store.remove(name);
    this.#writeLater();
  }

  /** A last try to write what the disk did not take. */
  close(): void {
    this.#closed = true;
    this.#rewrite?.cancel();
    if (this.#options.store.unwritten !== undefined) this.#options.store.flush();
  }

  /** A disk that is full or read-only keeps nobody from closing, or mending, a public tunnel. */
  #writeLater(): void {
    const { store, clock, log } = this.#options;
    if (store.unwritten === undefined || this.#rewrite !== undefined || this.#closed) return;
    log.warn({ cause: store.unwritten.message }, 'the state cannot be written; it is tried again');
    const again = () => {
      store.flush();
      this.#rewrite = store.unwritten === undefined ? undefined : clock.setTimer(again, REWRITE_MS);
      if (store.unwritten === undefined) log.info({}, 'the state is written again');
    };
    this.#rewrite = clock.setTimer(again, REWRITE_MS);
  }

  #toStore(name: string, definition: TunnelDefinition, spec?: TunnelSpec): StoredTunnel {
    const { source, desired, tokens } = definition;
    const known = this.#options.store.tunnels.get(name);
    const kept = spec ?? known?.spec;
    return {
      source,
      desired,
      tokens: usable(tokens, this.#options.clock.now()),
      ...(known?.gatewayPort === undefined ? {} : { gatewayPort: known.gatewayPort }),
      ...(known?.shown === undefined ? {} : { shown: known.shown }),
      ...(kept === undefined || source === 'file' ? {} : { spec: kept }),
    };
  }

  /** The tokens in force, newest first. @throws {TunneldError} `CONFIG_INVALID` when it has none on purpose */
  tokensOf(name: string, { config, tokens }: TunnelDefinition): readonly StoredToken[] {
    if (!config.access.insecurePublic) {
      const reference = config.access.token;
      if (reference === undefined) return tokens;
      return [made(resolveAccessToken(reference, this.#options.env), this.#options.clock.now())];
    }
    throw new TunneldError('CONFIG_INVALID', `"${name}" has no token: it is public on purpose.`, {
      remedy: 'Bring it up without --insecure-public to protect it.',
    });
  }

  keepSecret(tokens: readonly StoredToken[]): void {
    for (const { value } of tokens) this.#options.redactor.add(value);
  }
}
