import type { Clock } from '../../core/clock.ts';
import type { Secret } from '../../core/secret.ts';
import { openRelayLink } from '../../relay/relay-link.ts';
import type { OpenContext, OpenRequest, TunnelProvider, TunnelSession } from '../provider.ts';

export interface RelayProviderOptions {
  /** Asked at every attempt: the embedded relay's port is known only once it listens. */
  relayUrl(): URL;
  readonly token: Secret;
  readonly clock: Clock;
}

/** Public URLs from a tunneld relay, embedded or elsewhere. Requests enter the gateway in process. */
export class RelayProvider implements TunnelProvider {
  readonly kind = 'relay';
  readonly inProcess = true;
  readonly #options: RelayProviderOptions;

  constructor(options: RelayProviderOptions) {
    this.#options = options;
  }

  async open(request: OpenRequest, context: OpenContext): Promise<TunnelSession> {
    const { token, clock } = this.#options;
    const link = await openRelayLink({
      relayUrl: this.#options.relayUrl(),
      name: request.name,
      token,
      accept: (exchange) => request.accept(exchange),
      announce: (publicUrl) => request.announce?.(publicUrl),
      signal: context.signal,
      clock,
      log: context.log,
    });
    return {
      publicUrl: link.publicUrl,
      expiresAt: undefined,
      closed: link.closed,
      close: () => link.close(),
    };
  }
}
