import { isLoopbackHost } from '../core/loopback.ts';
import type { TunnelConfig } from './schema.ts';
import { hostOf, isUnixUrl, partsOfUnixUrl, pathInUrl } from './upstream-url.ts';

const DEFAULT_PATH = '/mcp';

export interface Upstream {
  readonly protocol: 'http:' | 'https:';
  /** To connect to; an IPv6 address has no brackets. */
  readonly host: string;
  readonly port: number;
  /** A Unix socket, dialled in place of host and port. */
  readonly socketPath?: string;
  /** To connect to where nobody listens at `host`. */
  readonly otherHost?: string;
  /** Path of the MCP endpoint. */
  readonly path: string;
  /** What the server gets to see in `Host`. */
  readonly hostHeader: string;
  /** The whole address, MCP path included, for people to read. */
  readonly url: string;
}

/** Where a tunnel's traffic goes. */
export function upstreamOf(config: TunnelConfig): Upstream {
  if (config.command !== undefined) return programUpstream(config, config.command);
  if (config.url !== undefined && isUnixUrl(config.url)) return unixUpstream(config, config.url);
  const base = new URL(config.sse ?? config.url ?? `http://127.0.0.1:${config.port}`);
  const protocol = base.protocol === 'https:' ? 'https:' : 'http:';
  const host = hostOf(base);
  const port = base.port === '' ? (protocol === 'https:' ? 443 : 80) : Number(base.port);
  const path = config.path ?? pathInUrl(config.url) ?? DEFAULT_PATH;
  return {
    protocol,
    host,
    port,
    // Whoever names a port means this machine: some servers listen on one of its two addresses only.
    ...(config.url === undefined && config.sse === undefined ? { otherHost: '::1' } : {}),
    path,
    hostHeader: config.hostHeader ?? defaultHostHeader(base, host),
    // The path is that of the bridge; the server's own is in what was written.
    url: config.sse ?? `${protocol}//${base.host}${path}`,
  };
}

/** The socket in front of the program is opened when the tunnel is. */
function programUpstream(config: TunnelConfig, command: readonly string[]): Upstream {
  return {
    protocol: 'http:',
    host: 'localhost',
    port: 0,
    socketPath: '',
    path: config.path ?? DEFAULT_PATH,
    hostHeader: 'localhost',
    url: `stdio:${command.map(quoted).join(' ')}`,
  };
}

/** As a shell would read it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function unixUpstream(config: TunnelConfig, url: string): Upstream {
  const { socketPath, path = config.path ?? DEFAULT_PATH } = partsOfUnixUrl(url);
  const hostHeader = config.hostHeader ?? 'localhost';
  return {
    protocol: 'http:',
    host: 'localhost',
    port: 0,
    socketPath,
    path,
    hostHeader,
    url: `unix:${socketPath}:${path}`,
  };
}

/** Servers that guard against DNS rebinding know themselves as `localhost`, whatever we dialled. */
function defaultHostHeader(base: URL, host: string): string {
  if (!isLoopbackHost(host)) return base.host;
  return base.port === '' ? 'localhost' : `localhost:${base.port}`;
}
