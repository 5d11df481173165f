import { createHmac } from 'node:crypto';
import type { TunnelConfig } from '../config/schema.ts';
import type { StateStore } from '../config/state.ts';
import type { StoredTunnel } from '../config/state-schema.ts';
import type { StatusChange } from '../control/api.ts';
import { TunneldError } from '../core/errors.ts';
import type { Redactor } from '../core/redact.ts';
import { Secret } from '../core/secret.ts';
import type { TunnelStatus } from '../core/status.ts';
import type { SessionOwner } from '../providers/provider.ts';
import type { Keeper } from '../servers/host/keeper.ts';
import type { Definitions } from './definitions.ts';
import { localServer } from './local-server.ts';
import type { LogBook } from './log-book.ts';
import { serverEvents, shownBefore } from './server-memory.ts';
import { Tunnel, type TunnelDeps } from './tunnel.ts';
import type { TunnelDefinition } from './tunnel-definition.ts';

type PassedOn = 'env' | 'clock' | 'random' | 'provider' | 'online' | 'drainMs';

export interface TunnelsOptions extends Pick<TunnelDeps, PassedOn> {
  readonly store: StateStore;
  /** Of the state folder: see `placeOf`. */
  readonly place: string;
  readonly logs: LogBook;
  readonly redactor: Redactor;
  readonly definitions: Definitions;
  /** Starts the servers that are programs. */
  readonly keeper: Keeper;
  /** Loads what such a tunnel will need, while it can be loaded. */
  readonly prepare: (config: TunnelConfig) => void;
}

/** The tunnels that there are, by name, and those who are told when one changes, comes or goes. */
export class Tunnels {
  readonly #options: TunnelsOptions;
  readonly #owner: SessionOwner;
  readonly #tunnels = new Map<string, Tunnel>();
  /** Removed, and not gone yet: the next one of that name begins after it. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #listeners = new Set<(change: StatusChange) => void>();

  constructor(options: TunnelsOptions) {
    const { store, place } = options;
    this.#options = options;
    // Lasting and secret, without a secret of its own in the state.
    const key = createHmac('sha256', store.relaySecret.reveal()).update('owner of leftovers');
    this.#owner = { instance: store.instance, place, key: new Secret(key.digest('hex')) };
  }

  get all(): readonly Tunnel[] {
    return [...this.#tunnels.values()];
  }

  get(name: string): Tunnel | undefined {
    return this.#tunnels.get(name);
  }

  /** @throws {TunneldError} `TUNNEL_NOT_FOUND` */
  find(name: string): Tunnel {
    const tunnel = this.#tunnels.get(name);
    if (tunnel === undefined) throw new TunneldError('TUNNEL_NOT_FOUND', `No tunnel is called "${name}"`);
    return tunnel;
  }

  list(): readonly TunnelStatus[] {
    return this.all.map(({ status }) => status).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Calls back on every change of `list`. Returns the unsubscribe. */
  subscribe(listener: (change: StatusChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A new tunnel, not yet brought up. */
  add(name: string, definition: TunnelDefinition): Tunnel {
    const { store, logs, redactor, definitions, prepare, keeper, ...passedOn } = this.#options;
    prepare(definition.config);
    const log = logs.tunnel(name);
    const memory = {
      get: () => store.tunnels.get(name),
      keep: (stored: StoredTunnel) => definitions.keepStored(name, stored),
    };
    const tunnel = new Tunnel(name, definition, {
      ...passedOn,
      instance: store.instance,
      owner: this.#owner,
      log,
      server: (config, onState) =>
        localServer(config, {
          env: passedOn.env,
          keeper,
          known: shownBefore(config, memory),
          events: serverEvents(config, memory, log, onState),
        }),
      clean: (text) => redactor.clean(text),
      onSecret: (secret) => redactor.add(secret),
      lastGatewayPort: () => store.tunnels.get(name)?.gatewayPort,
      onGatewayPort: (gatewayPort) => {
        const stored = store.tunnels.get(name);
        if (stored !== undefined && stored.gatewayPort !== gatewayPort) {
          definitions.keepStored(name, { ...stored, gatewayPort });
        }
      },
      onChange: (status) => {
        // A removed tunnel may take its time to end; nothing is reported of it.
        if (this.#tunnels.get(name) === tunnel) this.#publish({ changed: status });
      },
    });
    this.#tunnels.set(name, tunnel);
    this.#publish({ changed: tunnel.status });
    return tunnel;
  }

  /** It is not found from now on; a tunnel of the same name that comes meanwhile is another. */
  async remove(tunnel: Tunnel, cause: string): Promise<void> {
    this.#tunnels.delete(tunnel.name);
    this.#publish({ removed: tunnel.name });
    const gone = this.#release(tunnel, cause);
    this.#leaving.set(
      tunnel.name,
      gone.catch(() => {}),
    );
    await gone;
  }

  /** Resolves once nothing is left of a tunnel of this name that was removed. */
  async left(name: string): Promise<void> {
    await this.#leaving.get(name);
  }

  /** Lets exchanges in flight finish (at most `drainMs`), then releases everything. */
  async close(drainMs: number): Promise<void> {
    const tunnels = this.all;
    await Promise.allSettled(tunnels.map((tunnel) => tunnel.drain(drainMs)));
    await Promise.allSettled(tunnels.map((tunnel) => tunnel.close('the daemon stops')));
    await Promise.allSettled(this.#leaving.values());
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
}
