import type { Clock } from '../../core/clock.ts';
import { type ErrorCode, TunneldError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Finding } from '../../core/status.ts';
import { openRelayLink } from '../../relay/relay-link.ts';
import type { OpenContext, OpenRequest, TunnelProvider, TunnelSession } from '../provider.ts';
import { findings } from './findings.ts';

export interface RelayProviderOptions {
  /** Asked at every attempt: the embedded relay's port is known only once it listens. */
  relayUrl(): URL;
  readonly token: Secret;
  /** Asked for instead of the tunnel's own name. */
  readonly name?: string;
  readonly clock: Clock;
}

/** What a relay says of an agent it reached and will not have. */
const REFUSALS: readonly ErrorCode[] = [
  'CREDENTIAL_REJECTED',
  'NAME_INVALID',
  'RELAY_NAME_DENIED',
  'RELAY_NAME_TAKEN',
];

/** Public URLs from a tunneld relay, embedded or elsewhere. Requests enter the gateway in process. */
export class RelayProvider implements TunnelProvider {
  readonly kind = 'relay';
  readonly inProcess = true;
  readonly #options: RelayProviderOptions;
  #refusal: TunneldError | undefined;

  constructor(options: RelayProviderOptions) {
    this.#options = options;
  }

  async open(request: OpenRequest, context: OpenContext): Promise<TunnelSession> {
    const { token, clock, name } = this.#options;
    const access = request.access?.current();
    const opening = openRelayLink({
      relayUrl: this.#options.relayUrl(),
      name: name ?? request.name,
      token,
      accept: (exchange) => request.accept(exchange),
      announce: (publicUrl) => request.announce?.(publicUrl),
      ...(access === undefined ? {} : { access }),
      signal: context.signal,
      clock,
      log: context.log,
    });
    const link = await opening.catch((error: unknown) => {
      const refused = error instanceof TunneldError && REFUSALS.includes(error.code);
      this.#refusal = refused ? error : undefined;
      throw error;
    });
    this.#refusal = undefined;
    const unsubscribe = request.access?.subscribe(() => link.setAccess(request.access?.current()));
    void link.closed.then(() => unsubscribe?.());
    return {
      publicUrl: link.publicUrl,
      expiresAt: undefined,
      closed: link.closed,
      close: () => link.close(),
    };
  }

  async diagnose({ name }: OpenRequest): Promise<readonly Finding[]> {
    const { clock } = this.#options;
    return await findings({
      relayUrl: this.#options.relayUrl(),
      name: this.#options.name ?? name,
      refusal: this.#refusal,
      clock,
    });
  }
}
