import type { Head } from '../core/exchange.ts';
import { NameSet } from '../http1/name-set.ts';
import type { ServerLinks } from './server-links.ts';

/** Headers of an answer that hold URLs, paths or domains of the server's. */
export const LINK_HEADERS = [
  'location',
  'content-location',
  'link',
  'refresh',
  'www-authenticate',
  'set-cookie',
] as const;

const ANY_LINK_HEADER = new NameSet(LINK_HEADERS);

/** Most answers have none, and cost one look. */
export function hasLinks(head: Head & { has(names: NameSet): boolean }): boolean {
  return head.has(ANY_LINK_HEADER);
}

/**
 * These headers as the caller needs them, name and value alternating. The token of a secret path goes
 * only into what the caller is to follow.
 */
export function ledHeaders(head: Head, links: ServerLinks): string[] {
  const led: string[] = [];
  for (const name of LINK_HEADERS) {
    for (const value of head.getAll(name)) led.push(WRITTEN[name], LED[name](value, links));
  }
  return led;
}

const WRITTEN: Readonly<Record<LinkHeader, string>> = {
  location: 'Location',
  'content-location': 'Content-Location',
  link: 'Link',
  refresh: 'Refresh',
  'www-authenticate': 'WWW-Authenticate',
  'set-cookie': 'Set-Cookie',
};

const LED: Readonly<Record<LinkHeader, (value: string, links: ServerLinks) => string>> = {
  location: followed,
  'content-location': (value, links) => links.url(value, false) ?? value,
  // Titles may hold what looks like a reference.
  link: (value, links) =>
    value.replace(/"(?:[^"\\]|\\.)*"|<([^<>]*)>/g, (whole, reference?: string) =>
      reference === undefined ? whole : `<${followed(reference, links)}>`,
    ),
  refresh: (value, links) =>
    value.replace(
      /^([\t ]*[\d.]+[\t ]*[;,][\t ]*(?:url[\t ]*=[\t ]*)?["']?)([^"']+)/i,
      (_, before: string, reference: string) => before + followed(reference, links),
    ),
  'www-authenticate': (value, links) =>
    value.replace(
      /(\b(?:resource_metadata|authorization_uri)[\t ]*=[\t ]*"?)([^"\t ,]+)/gi,
      (_, before: string, reference: string) => before + followed(reference, links),
    ),
  'set-cookie': (value, links) => ledCookie(value, links),
};

function followed(reference: string, links: ServerLinks): string {
  return links.url(reference) ?? reference;
}

function ledCookie(cookie: string, links: ServerLinks): string {
  const [pair = '', ...attributes] = cookie.split(';');
  // Such a cookie is refused unless its path is the root.
  const forHost = /^[\t ]*__Host-/i.test(pair);
  const kept = attributes.flatMap((attribute) => {
    const [, name = '', value = ''] = /^[\t ]*([^=]*?)[\t ]*(?:=[\t ]*(.*?)[\t ]*)?$/.exec(attribute) ?? [];
    if (/^domain$/i.test(name)) return links.coversCaller(value) ? [attribute] : [];
    if (!/^path$/i.test(name) || forHost || !value.startsWith('/')) return [attribute];
    return [` Path=${links.cookiePath(value)}`];
  });
  return [pair, ...kept].join(';');
}

type LinkHeader = (typeof LINK_HEADERS)[number];
