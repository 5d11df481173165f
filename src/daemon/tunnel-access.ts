import type { EdgeAccess } from '../access/edge-access.ts';
import { resolveAccessToken } from '../config/secrets.ts';
import type { StoredToken } from '../config/state-schema.ts';
import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import type { AccessSource } from '../providers/provider.ts';
import { edgeAccessOf, type GatewayToken, hashed, made, usable } from './tokens.ts';
import type { TunnelDefinition } from './tunnel-definition.ts';

export interface TunnelAccessDeps {
  /** The tunnel's definition in force: its tokens may change while it is up. */
  readonly definition: () => TunnelDefinition;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
}

/** Who may call a tunnel: the tokens in force, and what gateway and provider were told of them. */
export class TunnelAccess implements AccessSource {
  readonly #deps: TunnelAccessDeps;
  /** What `access.token` stood for when it was last read. */
  #configured: StoredToken | undefined;
  /** Ids of the tokens the provider was last given. */
  #toldToProvider: readonly string[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(deps: TunnelAccessDeps) {
    this.#deps = deps;
  }

  /** The tokens in force, newest first; none where the tunnel is public on purpose. */
  get tokens(): readonly StoredToken[] {
    const { config, tokens } = this.#deps.definition();
    if (config.access.insecurePublic) return [];
    return this.#configured === undefined ? tokens : [this.#configured];
  }

  /** What the gateway checks by. */
  get gatewayTokens(): readonly GatewayToken[] {
    return this.tokens.map(hashed);
  }

  /**
   * Reads the token that the configuration refers to, if it does.
   *
   * @throws {TunneldError} `SECRET_UNAVAILABLE`
   */
  resolve(): void {
    const { access } = this.#deps.definition().config;
    if (access.token === undefined || access.insecurePublic) {
      this.#configured = undefined;
      return;
    }
    const secret = resolveAccessToken(access.token, this.#deps.env);
    // The same token stays the one that providers were told.
    if (this.#configured?.value.reveal() === secret.reveal()) return;
    this.#configured = made(secret, this.#deps.clock.now());
  }

  /** The tokens that work now, for a provider that checks them: it counts as told. */
  tellProvider(): readonly Secret[] {
    const tokens = usable(this.tokens, this.#deps.clock.now());
    this.#toldToProvider = tokens.map(({ id }) => id);
    return tokens.map(({ value }) => value);
  }

  /** Whether a provider that checks tokens would refuse the newest one. */
  get providerIsOutdated(): boolean {
    const [newest] = this.tokens;
    const told = this.#toldToProvider;
    return newest === undefined ? told.length > 0 : !told.includes(newest.id);
  }

  current(): EdgeAccess | undefined {
    return edgeAccessOf(this.#deps.definition().config, this.tokens, this.#deps.clock.now());
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls every subscriber: `current` may have changed. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
