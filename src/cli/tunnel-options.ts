import type { TunnelSpec } from '../config/schema.ts';
import type { Command, ParsedArgs } from './command.ts';
import { NGROK_OPTIONS, ngrokSpecOf } from './ngrok-spec.ts';
import { usage } from './parse.ts';
import { PINGGY_OPTIONS, pinggySpecOf } from './pinggy-spec.ts';

/** The options of `up` that describe a tunnel, as the config file would. */
export const SPEC_OPTIONS = {
  port: { type: 'string', value: 'port', summary: 'Port of the local MCP server on 127.0.0.1' },
  url: { type: 'string', value: 'url', summary: 'Or its URL; a path in it is the MCP path' },
  path: { type: 'string', value: 'path', summary: 'MCP path; default: that of --url, else /mcp' },
  provider: { type: 'string', value: 'name', summary: 'Who carries the traffic; default: relay' },
  relay: { type: 'string', value: 'url', summary: 'Relay on another machine: https://tunnel.example.com' },
  'relay-token': {
    type: 'string',
    value: 'reference',
    summary: 'Its token for us: env:VARIABLE or file:PATH',
  },
  'relay-links': {
    type: 'string',
    value: 'number',
    summary: 'Connections to it at once, 1 or 2; default: 1',
  },
  name: { type: 'string', value: 'name', summary: "Name to ask for there; default: the tunnel's" },
  'host-header': { type: 'string', value: 'host', summary: 'Host the server sees; default: localhost:PORT' },
  'allow-remote-upstream': { type: 'boolean', summary: 'Accept a server that is not on this machine' },
  'insecure-public': { type: 'boolean', summary: 'No access token: anybody with the URL gets through' },
  'query-token': { type: 'boolean', summary: 'Also accept the token as ?token=' },
  origin: { type: 'string', value: 'origin', multiple: true, summary: 'Let pages of this origin call' },
  'sse-keep-alive': {
    type: 'string',
    value: 'duration',
    summary: 'Silence on a stream before a comment is sent, or `off`; default: 15s',
  },
  probe: { type: 'string', value: 'kind', summary: 'auto, discover, initialize, http or tcp; default: auto' },
  schedule: {
    type: 'string',
    value: 'cron',
    summary: 'When to probe; default: "*/30 * * * * *" (with seconds)',
  },
  ...PINGGY_OPTIONS,
  ...NGROK_OPTIONS,
} as const satisfies Command['options'];

/**
 * What the options say of the tunnel; undefined when they say nothing, which means the one that is
 * already known.
 *
 * @throws {TunneldError} `USAGE`
 */
export function specOf(args: ParsedArgs): TunnelSpec | undefined {
  const given = Object.keys(SPEC_OPTIONS).filter((name) => args.given(name));
  if (given.length === 0) return undefined;
  if (!args.given('port') && !args.given('url')) {
    throw usage(
      { name: 'up' },
      `--${given[0]} describes a tunnel: say with --port or --url where its server is`,
    );
  }
  const origins = args.list('origin');
  const keepAlive = args.text('sse-keep-alive');
  const access = {
    ...(args.flag('insecure-public') ? { insecurePublic: true } : {}),
    ...(args.flag('query-token') ? { queryToken: true } : {}),
    ...(origins.length > 0 ? { origins: [...origins] } : {}),
  };
  const health = { ...textOf(args, 'probe', 'probe'), ...textOf(args, 'schedule', 'schedule') };
  return {
    ...portOf(args.text('port')),
    ...textOf(args, 'url', 'url'),
    ...textOf(args, 'path', 'path'),
    ...textOf(args, 'provider', 'provider'),
    ...relayOf(args),
    ...pinggySpecOf(args),
    ...ngrokSpecOf(args),
    ...textOf(args, 'host-header', 'hostHeader'),
    ...(args.flag('allow-remote-upstream') ? { allowRemoteUpstream: true } : {}),
    ...(keepAlive === undefined ? {} : { sseKeepAlive: keepAlive }),
    ...(Object.keys(access).length > 0 ? { access } : {}),
    // The schema names the values `probe` may have, and says so to whoever typed another.
    ...(Object.keys(health).length > 0 ? { health: health as TunnelSpec['health'] } : {}),
  };
}

/**
 * Refuses here what the daemon would refuse anyway, so that a mistake does not start one.
 *
 * @throws {TunneldError} `NAME_INVALID`, `CONFIG_INVALID`, `UPSTREAM_NOT_LOOPBACK`
 */
export async function checkTunnel(name: string, spec: TunnelSpec | undefined): Promise<void> {
  const { assertTunnelName, parseTunnelSpec } = await import('../config/tunnel-spec.ts');
  if (spec === undefined) assertTunnelName(name);
  else parseTunnelSpec(name, spec);
}

function relayOf(args: ParsedArgs): Pick<TunnelSpec, 'relay'> {
  const [url, token] = [args.text('relay'), args.text('relay-token')];
  if (url === undefined) {
    const stray = ['relay-token', 'relay-links', 'name'].find((name) => args.given(name));
    if (stray !== undefined) throw usage({ name: 'up' }, `--${stray} needs --relay`);
    return {};
  }
  // On a command line everybody on this machine can read it.
  if (token !== undefined && !/^(?:env|file):./.test(token)) {
    throw usage({ name: 'up' }, '--relay-token takes env:VARIABLE or file:PATH, not the token itself');
  }
  const links = linksOf(args.text('relay-links'));
  return {
    relay: { url, ...textOf(args, 'relay-token', 'token'), ...textOf(args, 'name', 'name'), ...links },
  };
}

function linksOf(text: string | undefined): { links?: 1 | 2 } {
  if (text === undefined) return {};
  if (text !== '1' && text !== '2') throw usage({ name: 'up' }, `--relay-links=${text} is neither 1 nor 2`);
  return { links: text === '1' ? 1 : 2 };
}

function portOf(text: string | undefined): { port?: number } {
  if (text === undefined) return {};
  if (!/^\d{1,9}$/.test(text)) throw usage({ name: 'up' }, `--port=${text} is not a port from 1 to 65535`);
  return { port: Number(text) };
}

function textOf<Key extends string>(args: ParsedArgs, option: string, key: Key): { [K in Key]?: string } {
  const value = args.text(option);
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: string });
}
