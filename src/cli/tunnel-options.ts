import { DEFAULT_PROVIDER, KINDS } from '../providers/kinds.ts';
import type { Command, ParsedArgs } from './command.ts';
import { usage } from './parse.ts';
import { PROVIDER_OPTIONS, providerSpecOf } from './provider-options.ts';
import { serverSpecOf, urlOf } from './server-options.ts';

/** The options of `up` that describe a tunnel, as the config file would. */
export const SPEC_OPTIONS = {
  port: { key: 'port', type: 'string', value: 'port', summary: 'Port of the local MCP server on 127.0.0.1' },
  url: {
    key: 'url',
    type: 'string',
    value: 'url',
    summary: 'Or its URL or unix:/path/to.sock; a path in it is the MCP path',
  },
  sse: {
    key: 'sse',
    type: 'string',
    value: 'url',
    summary: 'Or the event stream of a legacy HTTP+SSE server, to be offered as Streamable HTTP too',
  },
  env: {
    key: 'env',
    type: 'string',
    value: 'name=value',
    multiple: true,
    summary: 'Variable for a server after `--`; NAME alone means NAME=env:NAME',
  },
  cwd: {
    key: 'cwd',
    type: 'string',
    value: 'folder',
    summary: 'Folder for a server after `--`; default: this one',
  },
  process: {
    key: 'process',
    type: 'string',
    value: 'mode',
    values: ['per-session', 'shared'],
    summary: 'A process for each session, or one for all; default: per-session',
  },
  start: {
    key: 'start',
    type: 'string',
    value: 'when',
    values: ['at-once', 'on-demand'],
    summary: 'Start the server with the tunnel, or by the first call; default: at-once',
  },
  idle: {
    key: 'idle',
    type: 'string',
    value: 'duration',
    summary: 'End a process that nobody used for this long, or `off`; default: off',
  },
  path: {
    key: 'path',
    type: 'string',
    value: 'path',
    summary: 'MCP path; default: that of --url, else /mcp',
  },
  provider: {
    key: 'provider',
    type: 'string',
    value: 'name',
    values: KINDS.map(({ name }) => name),
    summary: `Who carries the traffic; default: ${DEFAULT_PROVIDER}`,
  },
  'host-header': {
    key: 'hostHeader',
    type: 'string',
    value: 'host',
    summary: 'Host the server sees; default: localhost:PORT',
  },
  'allow-remote-upstream': {
    key: 'allowRemoteUpstream',
    type: 'boolean',
    summary: 'Accept a server that is not on this machine',
  },
  'insecure-public': {
    key: 'access.insecurePublic',
    type: 'boolean',
    summary: 'No access token: anybody with the URL gets through',
  },
  'query-token': { key: 'access.queryToken', type: 'boolean', summary: 'Also accept the token as ?token=' },
  origin: {
    key: 'access.origins',
    type: 'string',
    value: 'origin',
    multiple: true,
    summary: 'Let pages of this origin call',
  },
  'sse-keep-alive': {
    key: 'sseKeepAlive',
    type: 'string',
    value: 'duration',
    summary: 'Silence on a stream before a comment is sent, or `off`; default: 15s',
  },
  probe: {
    key: 'health.probe',
    type: 'string',
    value: 'kind',
    values: ['auto', 'discover', 'initialize', 'http', 'tcp'],
    summary: 'auto, discover, initialize, http or tcp; default: auto',
  },
  schedule: {
    key: 'health.schedule',
    type: 'string',
    value: 'cron',
    summary: 'When to probe; default: "*/30 * * * * *" (with seconds)',
  },
  ...PROVIDER_OPTIONS,
} as const satisfies Command['options'];

/**
 * What the options say of the tunnel, as the config file would; undefined when they say nothing.
 * What they leave out stays as it is.
 *
 * @param cwd for what is relative
 * @throws {TunneldError} `USAGE`
 */
export function specOf(args: ParsedArgs, cwd: string): PartOfSpec | undefined {
  const given = Object.keys(SPEC_OPTIONS).filter((name) => args.given(name));
  if (given.length === 0 && args.trailing === undefined) return undefined;
  const origins = args.list('origin');
  const access = {
    ...(args.flag('insecure-public') ? { insecurePublic: true } : {}),
    ...(args.flag('query-token') ? { queryToken: true } : {}),
    ...(origins.length > 0 ? { origins: [...origins] } : {}),
  };
  const health = { ...textOf(args, 'probe', 'probe'), ...textOf(args, 'schedule', 'schedule') };
  return {
    ...portOf(args.text('port')),
    ...urlOf(args.text('url'), cwd),
    ...textOf(args, 'sse', 'sse'),
    ...serverSpecOf(args, cwd),
    ...textOf(args, 'path', 'path'),
    ...textOf(args, 'provider', 'provider'),
    ...providerSpecOf(args),
    ...textOf(args, 'host-header', 'hostHeader'),
    ...(args.flag('allow-remote-upstream') ? { allowRemoteUpstream: true } : {}),
    ...textOf(args, 'sse-keep-alive', 'sseKeepAlive'),
    ...section('access', access),
    ...section('health', health),
  };
}

/** Keys of a tunnel, nested as in the config file; not a whole one, and not checked yet. */
export type PartOfSpec = Readonly<Record<string, unknown>>;

function portOf(text: string | undefined): { port?: number } {
  if (text === undefined) return {};
  if (!/^\d{1,9}$/.test(text)) throw usage({ name: 'up' }, `--port=${text} is not a port from 1 to 65535`);
  return { port: Number(text) };
}

function section(key: string, keys: object): PartOfSpec {
  return Object.keys(keys).length === 0 ? {} : { [key]: keys };
}

function textOf<Key extends string>(args: ParsedArgs, option: string, key: Key): { [K in Key]?: string } {
  const value = args.text(option);
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: string });
}
