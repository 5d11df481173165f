import type { RequestHead } from '../core/exchange.ts';
import { sha256Hex } from '../core/sha256.ts';
import { presentedTokens } from './carriers.ts';

/** A long token would cost its hash, and none of ours is. */
const MAX_TOKEN_LENGTH = 1_024;

/** Whoever serves a tunnel. */
export interface TokenHolder {
  /** Its tunnels may know one another's tokens. */
  readonly identity: string;
  readonly guard: { readonly hashes: readonly string[] };
}

/** Which access tokens are whose, by their hashes, as far as the agents that serve now have told. */
export class TokenOwners {
  readonly #holders = new Map<TokenHolder, readonly string[]>();
  /** Hash → identity → how many of its tunnels have it. */
  readonly #owners = new Map<string, Map<string, number>>();

  /** The holder serves, or its tokens changed. */
  set(holder: TokenHolder): void {
    this.remove(holder);
    const { identity, guard } = holder;
    const { hashes } = guard;
    if (hashes.length === 0) return;
    this.#holders.set(holder, hashes);
    for (const hash of hashes) {
      const counts = this.#owners.get(hash) ?? new Map<string, number>();
      counts.set(identity, (counts.get(identity) ?? 0) + 1);
      this.#owners.set(hash, counts);
    }
  }

  /** The holder serves no more. Idempotent. */
  remove(holder: TokenHolder): void {
    const hashes = this.#holders.get(holder) ?? [];
    this.#holders.delete(holder);
    for (const hash of hashes) {
      const counts = this.#owners.get(hash);
      const left = (counts?.get(holder.identity) ?? 1) - 1;
      if (left > 0) counts?.set(holder.identity, left);
      else counts?.delete(holder.identity);
      if (counts?.size === 0) this.#owners.delete(hash);
    }
  }

  /** Is it an access token of some tunnel that is served now? */
  knows(value: string): boolean {
    return this.#ownersOf(value) !== undefined;
  }

  /**
   * The request holds somebody else's access token: it was led here, by a redirect or a mistake, and
   * the token must not reach this tunnel's agent.
   *
   * @param target what the agent would be asked for
   */
  isForeign(request: Pick<RequestHead, 'get' | 'getAll'>, target: string, identity: string): boolean {
    if (this.#owners.size === 0) return false;
    return presentedTokens(request, target).some((value) => {
      const owners = this.#ownersOf(value);
      return owners !== undefined && !owners.has(identity);
    });
  }

  #ownersOf(value: string): ReadonlyMap<string, number> | undefined {
    if (this.#owners.size === 0 || value === '' || value.length > MAX_TOKEN_LENGTH) return undefined;
    return this.#owners.get(sha256Hex(value, 'latin1'));
  }
}
