import { isLoopbackHost } from '../core/loopback.ts';

/** Rules about the `url` of a tunnel. Each takes what the user wrote, valid or not. */

/** What is wrong with `text` as the address of an MCP server, if anything. */
export function faultOfUrl(text: string): string | undefined {
  if (isUnixUrl(text)) return faultOfUnixUrl(text);
  if (!isHttpUrl(text)) {
    return 'Expected an http:// or https:// URL, such as "http://127.0.0.1:3845/mcp", or "unix:/path/to.sock"';
  }
  return faultOfHttpUrl(text);
}

/** The same where a Unix socket will not do. */
export function faultOfHttpUrl(text: string): string | undefined {
  if (!isHttpUrl(text)) return 'Expected an http:// or https:// URL';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'Expected a URL without user name and password';
  if (url.search !== '' || url.hash !== '') return 'Expected a URL without query and fragment';
  return undefined;
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

/** Whether `value` points at this machine. True for what is no address: that is another rule's mistake. */
export function isLoopbackUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !isHttpUrl(value)) return true;
  return isLoopbackHost(hostOf(new URL(value)));
}

/** The MCP path a `url` names; undefined when it names none. */
export function pathInUrl(value: unknown): string | undefined {
  if (typeof value === 'string' && isUnixUrl(value)) return partsOfUnixUrl(value).path;
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const { pathname } = new URL(value);
  return pathname === '/' ? undefined : pathname;
}

/** Host to connect to: an IPv6 address without its brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/** The same server at another MCP path. @param url valid */
export function withPath(url: string, path: string): string {
  return isUnixUrl(url) ? `unix:${partsOfUnixUrl(url).socketPath}:${path}` : new URL(path, url).href;
}

/** `unix:/run/files.sock`, or with an MCP path: `unix:/run/files.sock:/mcp`, as nginx writes it. */
export function isUnixUrl(text: string): boolean {
  return /^unix:/i.test(text);
}

export function partsOfUnixUrl(text: string): { readonly socketPath: string; readonly path?: string } {
  const rest = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  const at = rest.lastIndexOf(':/');
  return at === -1 ? { socketPath: rest } : { socketPath: rest.slice(0, at), path: rest.slice(at + 1) };
}

/** `sun_path` of macOS, the smaller one: the final zero byte takes its place as well. */
const LONGEST_SOCKET_PATH = 103;

function faultOfUnixUrl(text: string): string | undefined {
  const { socketPath, path } = partsOfUnixUrl(text);
  if (!/^\/[^\0]*[^/\0]$/.test(socketPath)) {
    return 'Expected the absolute path of a socket after "unix:", such as "unix:/run/files.sock"';
  }
  if (path !== undefined && /[\s?#]/.test(path)) return 'Expected an MCP path without query after the socket';
  const bytes = Buffer.byteLength(socketPath);
  return bytes > LONGEST_SOCKET_PATH
    ? `The path of a socket has at most ${LONGEST_SOCKET_PATH} bytes, and this one ${bytes}`
    : undefined;
}
