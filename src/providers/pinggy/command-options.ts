import type { ProviderKind } from '../kind.ts';

/** The options of `up`; the config file has the rest of the keys. */
export const pinggyCommandOptions = {
  'pinggy-token': {
    type: 'string',
    value: 'ref',
    key: 'token',
    summary: 'Pinggy token: env:NAME or file:PATH; without one, 60 minutes',
  },
  'pinggy-region': { type: 'string', value: 'region', key: 'region', summary: 'us, eu, ap, br or au' },
  'pinggy-server': {
    type: 'string',
    value: 'host[:port]',
    key: 'server',
    read: serverOf,
    summary: 'Another edge than region and token say',
  },
  'pinggy-key': {
    type: 'string',
    value: 'ref',
    multiple: true,
    key: 'keys',
    summary: 'Another bearer key for the edge',
  },
  'pinggy-basic-auth': {
    type: 'string',
    value: 'user:ref',
    multiple: true,
    key: 'basicAuth',
    summary: 'User and password for the edge',
  },
  'pinggy-allow': {
    type: 'string',
    value: 'cidr',
    multiple: true,
    key: 'allow',
    summary: 'Let only this network connect',
  },
  'pinggy-header': {
    type: 'string',
    value: 'name: value',
    multiple: true,
    key: 'setHeaders',
    summary: 'Set a request header',
  },
  'pinggy-arg': {
    type: 'string',
    value: 'option',
    multiple: true,
    key: 'args',
    summary: 'Any other option: x:fullurl',
  },
  'pinggy-no-edge-auth': {
    type: 'boolean',
    key: 'edgeAuth',
    sets: false,
    summary: 'Only the gateway asks for the access token',
  },
  'pinggy-image': { type: 'string', value: 'image', key: 'image', summary: 'Default: pinggy/pinggy:latest' },
} as const satisfies ProviderKind['options'];

function serverOf(text: string): Record<string, unknown> {
  const [, server = text, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(text) ?? [];
  return port === undefined ? { server } : { server, serverPort: Number(port) };
}
