import type { Secret } from '../../core/secret.ts';
import { destination } from './destination.ts';
import {
  allowOption,
  basicOption,
  bearerOption,
  customOption,
  hostName,
  removeHeaderOption,
  setHeaderOption,
} from './grammar.ts';
import type { PinggyOptions } from './options.ts';

/** One argument of the container, and what may be shown of it. */
export interface Argument {
  readonly value: string;
  readonly shown: string;
}

export interface ArgumentFacts {
  /** Port of the gateway on this machine's loopback. */
  readonly gatewayPort: number;
  readonly accessTokens: readonly Secret[];
  /** Where the web debugger listens inside the container's network; absent: not at all. */
  readonly debugger: { readonly address: string; readonly port: number } | undefined;
}

/** Path of the mounted host keys inside the container. */
export const KNOWN_HOSTS = '/etc/tunneld-known-hosts';

const MASK = '***';

/**
 * The command line of the container. The image may hold Pinggy's own client or a plain `ssh`; only
 * what both understand is written (Pinggy's client accepts `-o` and `-t` and ignores them).
 *
 * @throws {TunneldError} `PINGGY_OPTION_INVALID`
 */
export function pinggyArguments(options: PinggyOptions, facts: ArgumentFacts): readonly Argument[] {
  const { user, host } = destination(options);
  const { address, port } = facts.debugger ?? {};
  return [
    ...plain('-p', String(options.serverPort)),
    ...plain(`-R0:${hostName(options.gatewayHost, 'gatewayHost')}:${facts.gatewayPort}`),
    ...(port === undefined ? [] : plain(`-L${address}:${port}:localhost:4300`)),
    ...sshOptions(options),
    ...plain('-t'),
    user === undefined
      ? { value: host, shown: host }
      : { value: `${user}@${host}`, shown: `${MASK}@${host}` },
    ...remoteOptions(options, facts),
  ];
}

/** Finds out what is wrong with options before anything is done with them. @throws as above */
export function assertPinggyOptions(options: PinggyOptions): void {
  pinggyArguments(options, { gatewayPort: 1, accessTokens: [], debugger: undefined });
}

function sshOptions(options: PinggyOptions): Argument[] {
  const checking =
    options.knownHosts === undefined
      ? ['StrictHostKeyChecking=accept-new']
      : ['StrictHostKeyChecking=yes', `UserKnownHostsFile=${KNOWN_HOSTS}`];
  return [
    ...checking,
    // A prompt nobody can answer would hang the container for ever.
    'BatchMode=yes',
    'ExitOnForwardFailure=yes',
    'ConnectTimeout=15',
    'ServerAliveInterval=30',
    'ServerAliveCountMax=2',
  ].flatMap((option) => plain('-o', option));
}

/** What Pinggy's edge does with the traffic. Never empty: without any, it would ask nothing of callers. */
function remoteOptions(options: PinggyOptions, facts: ArgumentFacts): Argument[] {
  const edgeTokens = options.edgeAuth ? facts.accessTokens : [];
  const keys = [...edgeTokens, ...options.keys].map((key) => hidden(bearerOption(key.reveal()), 'k:'));
  const basic = options.basicAuth.map(({ user, password }) =>
    hidden(basicOption(user, password.reveal()), `b:${user}:`),
  );
  const headers = Object.entries(options.setHeaders).map(([name, value]) =>
    hidden(setHeaderOption(name, value.reveal()), `u:${name}:`),
  );
  return [
    ...keys,
    ...basic,
    ...(options.allow.length === 0 ? [] : plain(allowOption(options.allow))),
    ...plain('x:https', 'x:xff', `a:Host:localhost:${facts.gatewayPort}`),
    ...headers,
    ...plain(...options.removeHeaders.map(removeHeaderOption)),
    ...(options.passPreflight ? plain('x:passpreflight') : []),
    ...options.args.map(customOption).map(shownByKind),
  ];
}

/** Values an option given by hand may carry are somebody's credentials as often as not. */
function shownByKind(option: string): Argument {
  if (option.startsWith('k:')) return hidden(option, 'k:');
  if (/^[bau]:/.test(option)) return hidden(option, `${option.split(':', 2).join(':')}:`);
  return { value: option, shown: option };
}

function hidden(value: string, prefix: string): Argument {
  return { value, shown: `${prefix}${MASK}` };
}

function plain(...values: readonly string[]): Argument[] {
  return values.map((value) => ({ value, shown: value }));
}

/** Every secret the arguments hold, for redaction by value. */
export function secretValues(options: PinggyOptions, accessTokens: readonly Secret[]): readonly string[] {
  const token = options.token?.reveal().trim() ?? '';
  const given = options.args.filter((option) => /^[kbau]:/.test(option));
  return [
    token,
    // Messages of Pinggy and ssh quote the token alone, or the user name it became.
    token.split(/[+@]/, 1)[0] ?? '',
    ...[...accessTokens, ...options.keys].map((key) => key.reveal()),
    ...options.basicAuth.map(({ password }) => password.reveal()),
    ...Object.values(options.setHeaders).map((value) => value.reveal()),
    ...given.map((option) => option.slice(option.lastIndexOf(':') + 1)),
  ].filter((value) => value !== '');
}
