import type { NetworkInterfaceInfo } from 'node:os';
import { expect, it } from 'vitest';
import { isOnline } from '../../src/daemon/online.ts';

function address(address: string, internal = false): NetworkInterfaceInfo[] {
  const common = { address, netmask: '', mac: '', internal, cidr: null };
  return [address.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' }];
}

it.each([
  ['an address in a local network', { eth0: address('192.168.1.7') }, true],
  ['IPv6 alone', { wlan0: address('2001:db8::7') }, true],
  ['no interface', {}, false],
  ['loopback alone', { lo: address('127.0.0.1', true) }, false],
  ['a self-given IPv4 address', { eth0: address('169.254.3.4') }, false],
  ['a link-local IPv6 address', { eth0: address('fe80::1') }, false],
  ['the bridge of containers', { docker0: address('172.17.0.1'), 'br-1a': address('172.18.0.1') }, false],
])('judges %s', (_what, interfaces, online) => {
  expect(isOnline(interfaces)).toBe(online);
});
