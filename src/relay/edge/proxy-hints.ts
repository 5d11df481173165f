import type { RequestHead } from '../../core/exchange.ts';
import type { Logger } from '../../core/log.ts';

/** More proxies than that are none. */
const MAX_TOLD = 32;

/**
 * Notices a proxy that does not say whose requests it passes on, or is not believed: both are silent
 * otherwise, and show as limits that apply to all visitors together, or to none. One line for each proxy and cause.
 */
export class ProxyHints {
  readonly #log: Logger;
  readonly #told = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param proxy the address at the other end; @param trusted it is one of the trusted proxies */
  note(proxy: string, trusted: boolean, request: Pick<RequestHead, 'get'>): void {
    const named = request.get('x-forwarded-for') !== undefined;
    if (named === trusted || (!trusted && !isNear(proxy))) return;
    const cause = trusted ? 'unnamed' : 'untrusted';
    const key = `${cause} ${proxy}`;
    if (this.#told.size >= MAX_TOLD || this.#told.has(key)) return;
    this.#told.add(key);
    if (trusted) {
      const remedy =
        'Have it set X-Forwarded-For to the address of its caller, and pass on no other (nginx: proxy_set_header X-Forwarded-For $remote_addr;).';
      this.#log.warn(
        { proxy, remedy },
        'a trusted proxy does not say who its visitors are: they share one rate limit, and what a visitor claims to be is believed',
      );
    } else {
      const remedy = `If it is your proxy, name it: --trusted-proxies ${proxy}.`;
      this.#log.warn(
        { proxy, remedy },
        'a proxy that is not trusted passes visitors on: they share one rate limit',
      );
    }
  }
}

/** Proxies stand beside the relay. From anywhere else, anybody may have written the header. */
function isNear(address: string): boolean {
  return /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|::1$|f[cd][\da-f]{2}:)/i.test(address);
}
