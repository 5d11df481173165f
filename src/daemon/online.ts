import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** Bridges of containers and virtual machines stay up when the machine has no network. */
const VIRTUAL = /^(?:docker|br-|veth|virbr|vmnet|bridge\d)/;

/**
 * Whether this machine seems to have a network: an address that others could reach.
 *
 * Asks the system only and sends nothing. It may say yes without internet access (then attempts fail
 * and back off); it must not say no where there is a way out.
 */
export function isOnline(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces()): boolean {
  return Object.entries(interfaces).some(
    ([name, addresses]) =>
      !VIRTUAL.test(name) &&
      (addresses ?? []).some(({ internal, address }) => !internal && !isLinkLocal(address)),
  );
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address);
}
