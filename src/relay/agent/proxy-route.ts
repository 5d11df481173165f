import { TunneldError } from '../../core/errors.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import { Secret } from '../../core/secret.ts';

/** A proxy that opens ways with CONNECT. */
export interface ProxyRoute {
  /** `http:` or `https:`, without credentials. */
  readonly url: URL;
  /** Value of `Proxy-Authorization`. */
  readonly authorization: Secret | undefined;
  /** The variable it comes from, for messages. */
  readonly variable: string;
}

/**
 * The proxy that the environment names for an address, as other programs read it: `HTTPS_PROXY` for
 * `https:`, `HTTP_PROXY` for `http:`, `ALL_PROXY` for both, each also in lower case, which comes first;
 * `NO_PROXY` lists hosts to reach directly. This machine itself is never reached through a proxy.
 *
 * @throws {TunneldError} `RELAY_PROXY` when it cannot be used
 */
export function proxyFor(target: URL, env: NodeJS.ProcessEnv): ProxyRoute | undefined {
  const host = target.hostname;
  if (isLoopbackHost(host) || host.endsWith('.localhost')) return undefined;
  const secure = target.protocol === 'https:' || target.protocol === 'wss:';
  const names = [secure ? 'https_proxy' : 'http_proxy', 'all_proxy'];
  const variable = names.flatMap((name) => [name, name.toUpperCase()]).find((name) => env[name]);
  if (variable === undefined) return undefined;
  const port = Number(target.port) || (secure ? 443 : 80);
  if (isExcepted(host, port, env['no_proxy'] ?? env['NO_PROXY'] ?? '')) return undefined;
  return routeOf(env[variable] ?? '', variable);
}

function routeOf(text: string, variable: string): ProxyRoute {
  const written = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  // What is wrong with it may hold a password: it is not repeated.
  if (!URL.canParse(written)) throw unusable(variable, 'it is not an address');
  const url = new URL(written);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw unusable(variable, `proxies of the kind ${url.protocol} are not supported`);
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (username === '' && password === '') return { url, authorization: undefined, variable };
  const pair = `${decoded(username)}:${decoded(password)}`;
  return { url, authorization: new Secret(`Basic ${Buffer.from(pair).toString('base64')}`), variable };
}

function unusable(variable: string, why: string): TunneldError {
  return new TunneldError('RELAY_PROXY', `The proxy in ${variable} cannot be used: ${why}`, {
    remedy: `Set ${variable} to http://HOST:PORT, or list the relay in NO_PROXY; then restart the daemon.`,
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `example.com` and `.example.com` stand for what is below, too; `*` for everything; `:8443` for that port. */
function isExcepted(host: string, port: number, list: string): boolean {
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const match = /^(?:\*?\.)?(.+?)(?::(\d+))?$/.exec(entry);
      const [, name = entry, onPort] = match ?? [];
      if (onPort !== undefined && Number(onPort) !== port) return false;
      return host === name || host.endsWith(`.${name}`);
    });
}
