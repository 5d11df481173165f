import { isLoopbackHost } from '../core/loopback.ts';

/** Rules about the `url` of a tunnel. Each takes what the user wrote, valid or not. */

/** What is wrong with `text` as the address of an MCP server, if anything. */
export function faultOfUrl(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    return 'Expected an http:// or https:// URL, such as "http://127.0.0.1:3845/mcp"';
  }
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'Expected a URL without user name and password';
  if (url.search !== '' || url.hash !== '') return 'Expected a URL without query and fragment';
  return undefined;
}

/** Whether `value` points at this machine. True for what is no URL: that is another rule's mistake. */
export function isLoopbackUrl(value: unknown): boolean {
  return typeof value !== 'string' || !URL.canParse(value) || isLoopbackHost(hostOf(new URL(value)));
}

/** The MCP path a `url` names; undefined when it names none. */
export function pathInUrl(value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const { pathname } = new URL(value);
  return pathname === '/' ? undefined : pathname;
}

/** Host to connect to: an IPv6 address without its brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}
