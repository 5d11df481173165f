import type { HeaderMap } from './messages.ts';

/** Never carried: they belong to one hop, or are made anew from the body's length. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Not lists, so that two values joined would be neither (RFC 9110 §5.3). The last one stays. */
const SINGLE: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-type',
  'etag',
  'expires',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'mcp-protocol-version',
  'mcp-session-id',
  'referer',
  'retry-after',
  'server',
  'set-cookie',
  'user-agent',
]);

/** What a peer can take: the rest is dropped by the official ones too. */
const VISIBLE = /^[\t\x20-\x7e]*$/;

/**
 * Brings header lines into the only form the wire has, an object. Repeated ones are joined where
 * they are lists; of the others the last value stays, as with the official peers.
 *
 * @param lines name and value alternating
 */
export function headerMapOf(lines: readonly string[]): HeaderMap {
  const named = connectionNames(lines);
  const headers = new Map<string, string>();
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const name = (lines[at] ?? '').toLowerCase();
    const value = lines[at + 1] ?? '';
    if (HOP_BY_HOP.has(name) || named.has(name) || !VISIBLE.test(value)) continue;
    const earlier = headers.get(name);
    const joint = name === 'cookie' ? '; ' : ', ';
    headers.set(name, earlier === undefined || SINGLE.has(name) ? value : earlier + joint + value);
  }
  return headers;
}

/**
 * The other way round: what may be passed on of a peer's headers. What is not valid as a header is
 * left out, so that nothing a peer sends can start a line of its own.
 *
 * @returns name and value alternating
 */
export function headerLinesOf(headers: HeaderMap): string[] {
  const named = connectionNames([...headers].flat());
  const lines: string[] = [];
  for (const [name, value] of headers) {
    if (HOP_BY_HOP.has(name) || named.has(name) || !TOKEN.test(name) || !VISIBLE.test(value)) continue;
    lines.push(name, value.trim());
  }
  return lines;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** RFC 9110 §7.6.1: what `Connection` names is of this hop too. */
function connectionNames(lines: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (let at = 0; at + 1 < lines.length; at += 2) {
    if (lines[at]?.toLowerCase() !== 'connection') continue;
    for (const name of (lines[at + 1] ?? '').split(',')) names.add(name.trim().toLowerCase());
  }
  return names;
}
