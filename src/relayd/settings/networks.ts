import { BlockList, isIP } from 'node:net';
import { TunneldError } from '../../core/errors.ts';

/**
 * Reads addresses and networks: `10.0.0.0/8`, `192.0.2.1`, `2001:db8::/32`.
 *
 * @throws {TunneldError} `USAGE`
 */
export function parseNetworks(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix, extra] = entry.split('/');
    const bits = isIP(address) === 6 ? 128 : 32;
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
    if (isIP(address) === 0 || extra !== undefined || length < 0 || length > bits) {
      throw new TunneldError('USAGE', `"${entry}" is neither an address nor a network such as 10.0.0.0/8`);
    }
    list.addSubnet(address, length, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}
