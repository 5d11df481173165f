import type { Secret } from '../../core/secret.ts';
import { sha256Hex } from '../../core/sha256.ts';

/**
 * Which tunnels of this daemon use which ngrok account. Limits are the account's: a tunnel that
 * meets one can say who else draws on it.
 */
export class AccountBook {
  readonly #holders = new Map<string, Map<string, string>>();

  /** @returns takes the entry out again */
  enter(authtoken: Secret, tunnel: string, url: URL): () => void {
    const account = accountOf(authtoken);
    const holders = this.#holders.get(account) ?? new Map<string, string>();
    this.#holders.set(account, holders);
    const entry = `${tunnel} (${url.host})`;
    holders.set(tunnel, entry);
    return () => {
      if (holders.get(tunnel) === entry) holders.delete(tunnel);
      if (holders.size === 0 && this.#holders.get(account) === holders) this.#holders.delete(account);
    };
  }

  /** The other tunnels that hold a session of the account, `name (host)`. */
  others(authtoken: Secret, tunnel: string): readonly string[] {
    const holders = this.#holders.get(accountOf(authtoken)) ?? new Map<string, string>();
    return [...holders].filter(([name]) => name !== tunnel).map(([, entry]) => entry);
  }
}

/** Shared by all tunnels of the process, as the accounts are. */
export const accounts = new AccountBook();

/** Two authtokens of one account cannot be told to be so. */
function accountOf(authtoken: Secret): string {
  return sha256Hex(authtoken.reveal());
}
