import type { TunnelSpec } from '../config/schema.ts';
import type { Command, ParsedArgs } from './command.ts';
import { assertReference } from './secret-option.ts';

/** The options of `up` for `--provider pinggy`; the config file has the rest of its keys. */
export const PINGGY_OPTIONS = {
  'pinggy-token': {
    key: 'pinggy.token',
    type: 'string',
    value: 'ref',
    summary: 'Pinggy token: env:NAME or file:PATH; without one, 60 minutes',
  },
  'pinggy-region': { key: 'pinggy.region', type: 'string', value: 'region', summary: 'us, eu, ap, br or au' },
  'pinggy-server': {
    key: 'pinggy.server',
    type: 'string',
    value: 'host[:port]',
    summary: 'Another edge than region and token say',
  },
  'pinggy-key': {
    key: 'pinggy.keys',
    type: 'string',
    value: 'ref',
    multiple: true,
    summary: 'Another bearer key for the edge',
  },
  'pinggy-basic-auth': {
    key: 'pinggy.basicAuth',
    type: 'string',
    value: 'user:ref',
    multiple: true,
    summary: 'User and password for the edge',
  },
  'pinggy-allow': {
    key: 'pinggy.allow',
    type: 'string',
    value: 'cidr',
    multiple: true,
    summary: 'Let only this network connect',
  },
  'pinggy-header': {
    key: 'pinggy.setHeaders',
    type: 'string',
    value: 'name: value',
    multiple: true,
    summary: 'Set a request header',
  },
  'pinggy-arg': {
    key: 'pinggy.args',
    type: 'string',
    value: 'option',
    multiple: true,
    summary: 'Any other option: x:fullurl',
  },
  'pinggy-no-edge-auth': {
    key: 'pinggy.edgeAuth',
    type: 'boolean',
    summary: 'Only the gateway asks for the access token',
  },
  'pinggy-image': {
    key: 'pinggy.image',
    type: 'string',
    value: 'image',
    summary: 'Default: pinggy/pinggy:latest',
  },
} as const satisfies Command['options'];

/**
 * The `pinggy` part of the spec; empty when no option speaks of it.
 *
 * @throws {TunneldError} `USAGE`; a secret typed as it is would be in every list of processes.
 */
export function pinggySpecOf(args: ParsedArgs): { pinggy?: TunnelSpec['pinggy'] } {
  if (!Object.keys(PINGGY_OPTIONS).some((name) => args.given(name))) return {};
  const token = args.text('pinggy-token');
  const keys = args.list('pinggy-key');
  const basicAuth = args.list('pinggy-basic-auth');
  const passwords = basicAuth.map((pair) => pair.slice(pair.indexOf(':') + 1));
  for (const secret of [...(token === undefined ? [] : [token]), ...keys, ...passwords])
    assertReference(secret);
  const region = args.text('pinggy-region');
  const image = args.text('pinggy-image');
  const spec = {
    ...(token === undefined ? {} : { token }),
    ...(region === undefined ? {} : { region }),
    ...serverOf(args.text('pinggy-server')),
    ...listed('keys', keys),
    ...listed('basicAuth', basicAuth),
    ...listed('allow', args.list('pinggy-allow')),
    ...listed('setHeaders', args.list('pinggy-header')),
    ...listed('args', args.list('pinggy-arg')),
    ...(args.flag('pinggy-no-edge-auth') ? { edgeAuth: false } : {}),
    ...(image === undefined ? {} : { image }),
  };
  // The schema names the regions there are, and says so to whoever typed another.
  return { pinggy: spec as TunnelSpec['pinggy'] };
}

function serverOf(text: string | undefined): { server?: string; serverPort?: number } {
  if (text === undefined) return {};
  const [, server = text, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(text) ?? [];
  return port === undefined ? { server } : { server, serverPort: Number(port) };
}

function listed(key: string, values: readonly string[]): Record<string, string[]> {
  return values.length === 0 ? {} : { [key]: [...values] };
}
