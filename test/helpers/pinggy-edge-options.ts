import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { BlockList, isIPv4 } from 'node:net';

/** Pinggy's remote options, understood as its documentation has them. */
export interface EdgeOptions {
  readonly keys: readonly string[];
  readonly basic: readonly string[];
  readonly allow: readonly string[];
  readonly httpsOnly: boolean;
  readonly forwardedFor: string | undefined;
  readonly reverseProxy: boolean;
  readonly passPreflight: boolean;
  readonly fullUrl: boolean;
  readonly headers: readonly {
    readonly kind: 'a' | 'u' | 'r';
    readonly name: string;
    readonly value: string;
  }[];
}

/** The option string is split as a shell would, quotes included; that is how values break out. */
export function parseEdgeOptions(command: string): EdgeOptions {
  const words = shellWords(command);
  const of = (prefix: string) =>
    words.filter((word) => word.startsWith(prefix)).map((word) => word.slice(prefix.length));
  const forwardedFor = of('x:xff')[0];
  return {
    keys: of('k:'),
    basic: of('b:'),
    allow: of('w:').flatMap((list) => list.split(',')),
    httpsOnly: words.includes('x:https'),
    forwardedFor: forwardedFor === undefined ? undefined : forwardedFor.slice(1) || 'X-Forwarded-For',
    reverseProxy: !words.includes('x:noreverseproxy'),
    passPreflight: words.includes('x:passpreflight'),
    fullUrl: words.includes('x:fullurl'),
    headers: words.flatMap((word) => {
      const [, kind, name = '', value = ''] = /^([aur]):([^:]+)(?::(.*))?$/.exec(word) ?? [];
      return kind === 'a' || kind === 'u' || kind === 'r' ? [{ kind, name, value }] : [];
    }),
  };
}

/** Status with which the edge itself answers; `ignored` for those outside the allow-list. */
export function refusal(
  options: EdgeOptions,
  request: IncomingMessage,
  address: string,
): number | 'ignored' | undefined {
  if (options.allow.length > 0 && !allowed(options.allow, address)) return 'ignored';
  const { method, headers } = request;
  if (
    options.passPreflight &&
    method === 'OPTIONS' &&
    headers['access-control-request-method'] !== undefined
  ) {
    return undefined;
  }
  const credentials = [
    ...options.keys.map((key) => `Bearer ${key}`),
    ...options.basic.map((pair) => `Basic ${Buffer.from(pair).toString('base64')}`),
  ];
  if (credentials.length === 0) return undefined;
  return credentials.includes(headers.authorization ?? '') ? undefined : 401;
}

export function rewrittenHeaders(
  options: EdgeOptions,
  request: IncomingMessage,
  address: string,
): OutgoingHttpHeaders {
  const { host = '' } = request.headers;
  const headers: OutgoingHttpHeaders = { ...request.headers };
  const before = headers['x-forwarded-for'];
  if (options.reverseProxy || options.forwardedFor !== undefined) {
    const name = (options.forwardedFor ?? 'X-Forwarded-For').toLowerCase();
    headers[name] = before === undefined ? address : `${before}, ${address}`;
  }
  if (options.reverseProxy) {
    headers['x-forwarded-proto'] = 'https';
    headers['x-forwarded-host'] = host;
    headers['forwarded'] = `for=${address};host=${host};proto=https`;
  }
  if (options.fullUrl) headers['x-pinggy-url'] = `https://${host}${request.url}`;
  for (const { kind, name, value } of options.headers) {
    const key = name.toLowerCase();
    // Host cannot have two values: of several only the last counts, also when "added".
    if (kind === 'a' && key !== 'host' && headers[key] !== undefined)
      headers[key] = [String(headers[key]), value];
    else if (kind !== 'r') headers[key] = value;
    else delete headers[key];
  }
  return headers;
}

function allowed(networks: readonly string[], address: string): boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [base = '', prefix = ''] = network.split('/');
    list.addSubnet(base, Number(prefix), isIPv4(base) ? 'ipv4' : 'ipv6');
  }
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** As a POSIX shell splits a line, without expansions. */
export function shellWords(text: string): string[] {
  const words: string[] = [];
  for (const [, ...parts] of text.matchAll(/((?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+)/g)) {
    const [raw = ''] = parts;
    words.push(
      raw.replace(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, escaped, double, single) =>
        String(escaped ?? double ?? single ?? ''),
      ),
    );
  }
  return words;
}
