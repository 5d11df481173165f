import type { TunneldError } from '../../core/errors.ts';
import type { BridgeSettings } from '../bridge/bridge.ts';
import type { LocalServer, ServerState, Shown, Upstream } from '../server.ts';
import type { Keeper, OpenedServer, ServerEvents } from './keeper.ts';
import type { Target } from './messages.ts';

export interface BridgedServerOptions {
  readonly keeper: Keeper;
  readonly settings: BridgeSettings;
  readonly target: Target;
  readonly secrets: readonly string[];
  readonly known: Shown | undefined;
  readonly events: ServerEvents;
  /** Where it can be looked at: then nothing is known of it without asking. */
  readonly probed?: Upstream;
}

/** A server behind a bridge: it is made reachable on a socket that only we may open. */
export class BridgedServer implements LocalServer {
  readonly #options: BridgedServerOptions;
  /** When its process is lost, another one takes its place, as often as it must. */
  readonly closed = new Promise<TunneldError>(() => {});
  #opened: OpenedServer | undefined;

  constructor(options: BridgedServerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { keeper, settings, target, secrets, known, events } = this.#options;
    this.#opened = await keeper.open({ settings, target, secrets, known }, events);
  }

  get place(): Upstream {
    const { path } = this.#options.settings;
    const socketPath = this.#opened?.socketPath ?? '';
    return { protocol: 'http:', host: 'localhost', port: 0, socketPath, path, hostHeader: 'localhost' };
  }

  readonly state = (): ServerState => this.#opened?.state ?? { kind: 'asleep', before: this.#options.known };

  async stop(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.close();
  }
}
