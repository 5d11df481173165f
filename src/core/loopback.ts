import { BlockList, isIP, type LookupFunction } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

/**
 * Whether a host can only be this machine: `localhost`, 127.0.0.0/8, ::1, and the IPv4 ones as IPv6.
 * Other names are not looked up: what they mean can change later, and is for somebody else to say
 * (`127.0.0.1.nip.io`).
 *
 * @param host as in a URL or a connect call: with or without brackets, a final dot, in any case; no port
 */
export function isLoopbackHost(host: string): boolean {
  const plain = /^\[.*\]$/.test(host) ? host.slice(1, -1) : host;
  const family = isIP(plain);
  if (family === 0) return /^localhost\.?$/i.test(plain);
  return loopback.check(plain.replace(/%.*$/, ''), family === 4 ? 'ipv4' : 'ipv6');
}

/**
 * For `connect` of `net`: both addresses, in this order, each as soon as nobody listens at the one
 * before. The name service has no say in it.
 */
export function eitherOf(host: string, otherHost: string) {
  const addresses = [host, otherHost].map((address) => ({ address, family: isIP(address) }));
  const lookup: LookupFunction = (_name, _options, callback) => callback(null, addresses);
  // A refusal comes at once here; a server whose queue is full is waited for, not left for the other.
  return { host: 'localhost', lookup, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 10_000 };
}

/**
 * The same of a `Host` header, which may end in a port. A page in somebody's browser can point any
 * name at a port of this machine, but it cannot choose another Host.
 */
export function isLoopbackAuthority(authority: string): boolean {
  const bare = authority.replace(/:\d*$/, '');
  // Only in brackets can an IPv6 address stand in front of a port.
  return !(bare.includes(':') && !bare.startsWith('[')) && isLoopbackHost(bare);
}
