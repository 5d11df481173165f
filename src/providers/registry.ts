import type { Clock } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { NgrokOptions } from './ngrok/options.ts';
import type { PinggyOptions } from './pinggy/options.ts';
import type { TunnelProvider } from './provider.ts';

/** What providers may need from the daemon. */
export interface ProviderDeps {
  readonly clock: Clock;
  /** Address of the relay, and our credential there. */
  relayUrl(): URL;
  readonly relayToken: Secret;
  /** Asked for there instead of the tunnel's own name. */
  readonly relayName?: string;
  /** Hosts besides the relay's own that its public URL may have. */
  readonly relayPublicHosts?: readonly string[];
  /** Links to hold there at once. */
  readonly relayLinks?: 1 | 2;
  /** What the tunnel's configuration says of Pinggy. @throws {TunneldError} `SECRET_UNAVAILABLE` */
  pinggy(): PinggyOptions;
  /** The same for ngrok. @throws {TunneldError} `SECRET_UNAVAILABLE` */
  ngrok(): NgrokOptions;
  /** The daemon's environment: where the Docker engine is found. */
  readonly env: NodeJS.ProcessEnv;
}

/** Loaded on first use: some providers bring large packages with them. */
type Factory = (deps: ProviderDeps) => Promise<TunnelProvider>;

const FACTORIES: ReadonlyMap<string, Factory> = new Map<string, Factory>([
  [
    'relay',
    async (deps) => {
      const { RelayProvider } = await import('./relay/relay-provider.ts');
      return new RelayProvider({
        relayUrl: () => deps.relayUrl(),
        token: deps.relayToken,
        clock: deps.clock,
        env: deps.env,
        ...(deps.relayName === undefined ? {} : { name: deps.relayName }),
        ...(deps.relayPublicHosts === undefined ? {} : { publicHosts: deps.relayPublicHosts }),
        ...(deps.relayLinks === undefined ? {} : { links: deps.relayLinks }),
      });
    },
  ],
  [
    'pinggy',
    async (deps) => {
      const { PinggyProvider } = await import('./pinggy/provider.ts');
      return new PinggyProvider(deps.pinggy(), { clock: deps.clock, env: deps.env });
    },
  ],
  [
    'ngrok',
    async (deps) => {
      const { NgrokProvider } = await import('./ngrok/provider.ts');
      return new NgrokProvider(deps.ngrok(), { clock: deps.clock });
    },
  ],
]);

/** Every kind `createProvider` knows. */
export const PROVIDER_KINDS: readonly string[] = [...FACTORIES.keys()];

/** @throws {TunneldError} `PROVIDER_UNKNOWN` */
export async function createProvider(kind: string, deps: ProviderDeps): Promise<TunnelProvider> {
  const factory = FACTORIES.get(kind);
  if (factory === undefined) {
    throw new TunneldError('PROVIDER_UNKNOWN', `No provider is called "${kind}"`, {
      remedy: `Use one of: ${PROVIDER_KINDS.join(', ')}.`,
    });
  }
  return factory(deps);
}
