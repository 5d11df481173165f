import type { TunnelConfig } from '../config/schema.ts';
import { resolveAuthorization } from '../config/secrets.ts';
import { upstreamOf } from '../config/upstream.ts';
import type { Secret } from '../core/secret.ts';
import { HttpServer } from '../servers/http/http-server.ts';
import type { LocalServer } from '../servers/server.ts';
import type { TunnelAccess } from './tunnel-access.ts';
import { UpstreamSide, type UpstreamSideOptions } from './upstream-side.ts';

type Shared = 'name' | 'instance' | 'clock' | 'random' | 'log' | 'onRequest' | 'onReport';

export interface UpstreamSidesOptions extends Pick<UpstreamSideOptions, Shared> {
  readonly access: TunnelAccess;
  readonly env: NodeJS.ProcessEnv;
  readonly online: () => boolean;
  /**
   * What the configuration means as a server; without it, only those that have an address.
   *
   * @throws {TunneldError} `SECRET_UNAVAILABLE`
   */
  readonly server?: (config: TunnelConfig, onState: () => void) => LocalServer;
  /** The gateway's port of the last run, and where it listens now. */
  readonly lastGatewayPort: () => number | undefined;
  readonly onGatewayPort: (port: number) => void;
  /** In-flight exchanges of a side that was replaced get this long (milliseconds). */
  readonly drainMs: number;
  readonly onReplace: (reason: string) => void;
  readonly onExposed: (reason: string) => void;
}

/**
 * The server's side of one tunnel as its configuration changes: kept wherever it can be, and replaced
 * without breaking what is in flight. Only the current one has a say; a replaced one winds down unheard.
 */
export class UpstreamSides {
  readonly #options: UpstreamSidesOptions;
  #current: UpstreamSide | undefined;
  readonly #retired = new Set<Promise<void>>();

  constructor(options: UpstreamSidesOptions) {
    this.#options = options;
  }

  /** Undefined while the tunnel is down. */
  get current(): UpstreamSide | undefined {
    return this.#current;
  }

  /**
   * Makes the current side that of `config`.
   *
   * @param external the provider's agent is another process, which dials the gateway's port
   * @param reread a program has to be started anew, with what its references stand for now
   * @throws {TunneldError} `SECRET_UNAVAILABLE`; the last side goes on.
   */
  async apply(
    config: TunnelConfig,
    external: boolean,
    reread: boolean,
  ): Promise<'kept' | 'opened' | 'replaced'> {
    const last = this.#current;
    const authorization = this.#authorization(config);
    if (last?.fits(config, external, reread) === true) {
      last.reconfigure({ config, authorization });
      return 'kept';
    }
    // Two copies of one program would fight for whatever it needs for itself.
    if (config.command !== undefined && last?.runsProgram === true) await last.close();
    const side = await this.#open(config, external, authorization);
    side.setTokens(this.#options.access.gatewayTokens);
    this.#current = side;
    if (last === undefined) return 'opened';
    this.#retire(last);
    return 'replaced';
  }

  /** Closes the current side at once. */
  async close(): Promise<void> {
    const side = this.#current;
    this.#current = undefined;
    await side?.close();
  }

  /** Resolves once the sides that were replaced are gone. */
  async drained(): Promise<void> {
    await Promise.all(this.#retired);
  }

  async #open(
    config: TunnelConfig,
    external: boolean,
    authorization: Secret | undefined,
  ): Promise<UpstreamSide> {
    const { access, lastGatewayPort, onGatewayPort, onReport, onReplace, onExposed } = this.#options;
    const ifCurrent =
      <T>(act: (said: T) => void) =>
      (said: T) => {
        if (this.#current === side) act(said);
      };
    const side: UpstreamSide = await UpstreamSide.open({
      ...this.#options,
      config,
      server:
        this.#options.server?.(config, () => this.#current?.serverChanged()) ??
        new HttpServer(upstreamOf(config)),
      external,
      authorization,
      preferredPort: lastGatewayPort(),
      token: () => access.tokens[0]?.value,
      onReport: ifCurrent(onReport),
      onReplace: ifCurrent(onReplace),
      onExposed: ifCurrent(onExposed),
    });
    if (external) onGatewayPort(Number(side.gatewayUrl.port));
    return side;
  }

  #retire(side: UpstreamSide): void {
    const { drainMs, log } = this.#options;
    const retired = side
      .drain(drainMs)
      .then(() => side.close())
      .catch((error: unknown) => log.error({ err: error }, 'a replaced gateway did not close'))
      .then(() => void this.#retired.delete(retired));
    this.#retired.add(retired);
  }

  #authorization({ health }: TunnelConfig): Secret | undefined {
    const reference = health.authorization;
    return reference === undefined ? undefined : resolveAuthorization(reference, this.#options.env);
  }
}
