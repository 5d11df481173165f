import type { Clock, Timer } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Authorization, Authorize, Registration } from '../relay/edge/authorization.ts';
import type { RoutingKind } from '../relay/edge/routing.ts';
import { authorizeAnybody, authorizeByProvider, authorizeFromList } from './authorizers.ts';
import type { Problems } from './problems.ts';
import type { RelayAuth } from './settings/relay-settings.ts';
import { isGranted, type TokenGrant } from './static-tokens.ts';

/** How often token files are read (milliseconds): a watch would miss changes from before its start. */
const LOOK_EVERY_MS = 1_000;

/** What decides whether a tunnel may go on. */
export interface Registered {
  readonly name: string;
  /** SHA-256 of the token it registered with. */
  readonly identity: string;
}

export interface LiveAuthOptions {
  readonly auth: RelayAuth;
  /** Some names are reserved by one routing alone. */
  readonly routing: RoutingKind;
  readonly clock: Clock;
  readonly log: Logger;
  readonly problems: Problems;
  /** The tokens changed: tunnels whose name is no longer granted must be disconnected. */
  onRevised(mayStay: (tunnel: Registered) => boolean): void;
  /** The way to register changed: every agent must register again. */
  onReplaced(): void;
}

/**
 * Who may register, which changes while the relay runs: token files are read again when they change
 * and at each registration, and a reload may replace everything.
 */
export class LiveAuth {
  readonly #options: LiveAuthOptions;
  #auth: RelayAuth;
  #authorize: Authorize;
  #grants: readonly TokenGrant[] = [];
  #next: Timer | undefined;

  /** @throws {TunneldError} when the tokens cannot be read */
  constructor(options: LiveAuthOptions) {
    this.#options = options;
    this.#auth = options.auth;
    if (options.auth.kind === 'static') this.#grants = grantsOf(options.auth);
    this.#authorize = this.#authorizeWith(options.auth);
    this.#watch();
  }

  readonly authorize = async (registration: Registration): Promise<Authorization> => {
    this.#readAgain();
    return this.#authorize(registration);
  };

  /** @throws {TunneldError} when its tokens cannot be read; nothing has changed then */
  replace(auth: RelayAuth): void {
    const before = this.#auth;
    const grants = auth.kind === 'static' ? grantsOf(auth) : [];
    this.#auth = auth;
    this.#authorize = this.#authorizeWith(auth);
    this.#watch();
    if (auth.kind === 'static') this.#adopt(grants, before.kind !== 'static');
    this.#options.problems.solved('tokens');
    if (auth.kind === 'provider' && !(before.kind === 'provider' && before.url.href === auth.url.href)) {
      this.#options.onReplaced();
    }
  }

  close(): void {
    this.#next?.cancel();
  }

  #authorizeWith(auth: RelayAuth): Authorize {
    const { clock, log, routing } = this.#options;
    switch (auth.kind) {
      case 'static':
        return authorizeFromList(() => this.#grants, routing);
      case 'provider':
        return authorizeByProvider({ url: auth.url, secret: auth.secret, routing, clock, log });
      case 'open':
        return authorizeAnybody(routing);
    }
  }

  #readAgain(): void {
    if (this.#auth.kind !== 'static') return;
    try {
      this.#adopt(grantsOf(this.#auth), false);
      this.#options.problems.solved('tokens');
    } catch (error) {
      this.#options.problems.report('tokens', error);
    }
  }

  #adopt(grants: readonly TokenGrant[], anyway: boolean): void {
    const same = JSON.stringify(grants) === JSON.stringify(this.#grants);
    this.#grants = grants;
    if (same && !anyway) return;
    this.#options.log.info({ tokens: grants.length }, 'tokens read again');
    this.#options.onRevised(({ identity, name }) => isGranted(grants, identity, name));
  }

  #watch(): void {
    this.#next?.cancel();
    if (this.#auth.kind !== 'static' || this.#auth.mayChange !== true) return;
    this.#next = this.#options.clock.setTimer(() => {
      this.#readAgain();
      this.#watch();
    }, LOOK_EVERY_MS);
  }
}

/**
 * A file is empty for a moment while it is written in place. Without this check that would end all
 * tunnels for good.
 *
 * @throws {TunneldError} when they cannot be read, or there are none
 */
function grantsOf(auth: RelayAuth & { readonly kind: 'static' }): readonly TokenGrant[] {
  const grants = auth.grants();
  if (grants.length > 0) return grants;
  throw new TunneldError('USAGE', 'the list of tokens is empty', {
    remedy: 'To let nobody register any more, stop the relay, or leave a token in it that nobody has.',
  });
}
