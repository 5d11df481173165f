const PER_NETWORK = 250;

/**
 * A loopback address for each visitor: there are sixteen million, and a relay counts by address.
 *
 * @param group keeps the addresses of different kinds of visitors apart
 */
export function addressOf(group: number, index: number): string {
  return `127.${group}.${Math.floor(index / PER_NETWORK)}.${(index % PER_NETWORK) + 1}`;
}
