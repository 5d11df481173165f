import { isIP } from 'node:net';
import { TunneldError } from '../../core/errors.ts';
import './errors.ts';

/**
 * Pinggy's remote options reach its edge as one string that is split like a shell line, and reach
 * the container as separate arguments. Only characters that mean themselves in both are let
 * through, so that no value can end its own option and begin another.
 *
 * @see https://pinggy.io/docs/usages/
 */
const PLAIN = /^[A-Za-z0-9!%&()*+,./:;<=>?@[\]^_{|}~$-]+$/;
const KEY = /^[A-Za-z0-9._~+/=-]+$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&*+.^_|~-]+$/;
const REMOTE_OPTION = /^[a-z]{1,2}:[^\s]+$/;
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

export function bearerOption(key: string): string {
  if (!KEY.test(key)) refuse('a bearer key', 'may hold only letters, digits and . _ ~ + / = -');
  return `k:${key}`;
}

export function basicOption(user: string, password: string): string {
  if (!PLAIN.test(user) || user.includes(':'))
    refuse(`basic auth user "${user}"`, 'may hold no colon, space or quote');
  if (!PLAIN.test(password) || password.includes(':')) {
    refuse(`the basic auth password of "${user}"`, 'may hold no colon, space or quote');
  }
  return `b:${user}:${password}`;
}

export function allowOption(networks: readonly string[]): string {
  return `w:${networks.map(cidr).join(',')}`;
}

export function setHeaderOption(name: string, value: string): string {
  checkHeader(name);
  if (!PLAIN.test(value)) refuse(`the value of header ${name}`, 'may hold no space, quote or backslash');
  return `u:${name}:${value}`;
}

export function removeHeaderOption(name: string): string {
  checkHeader(name);
  if (name.toLowerCase() === 'host') refuse('header Host', 'cannot be removed, only set');
  return `r:${name}`;
}

/** An option given by hand: checked for its form only, except that it can never be an SSH option. */
export function customOption(option: string): string {
  if (!REMOTE_OPTION.test(option) || !PLAIN.test(option)) {
    refuse(
      `option "${option.slice(0, 40)}"`,
      'must look like x:fullurl, without spaces, quotes or a leading dash',
    );
  }
  return option;
}

export function hostName(value: string, what: string): string {
  if (!HOST_NAME.test(value) && isIP(value) === 0)
    refuse(`${what} "${value.slice(0, 60)}"`, 'is not a host name');
  return value;
}

/** Pinggy's own client wants the CIDR form; a bare address gets its full prefix. */
function cidr(network: string): string {
  const [address = '', prefix, ...rest] = network.split('/');
  const version = isIP(address);
  const longest = version === 4 ? 32 : 128;
  const length = prefix === undefined ? longest : Number(prefix);
  const plain = prefix === undefined || /^\d{1,3}$/.test(prefix);
  if (version === 0 || rest.length > 0 || !plain || length > longest || address.includes('%')) {
    refuse(`network "${network.slice(0, 60)}"`, 'is not an address or CIDR such as 203.0.113.0/24');
  }
  return `${address}/${length}`;
}

function checkHeader(name: string): void {
  if (!HEADER_NAME.test(name)) refuse(`header name "${name.slice(0, 60)}"`, 'is not a header name');
}

function refuse(what: string, why: string): never {
  throw new TunneldError('PINGGY_OPTION_INVALID', `Pinggy: ${what} ${why}.`);
}
