import type { RequestHead } from '../core/exchange.ts';
import { isLoopbackHost } from '../core/loopback.ts';

/**
 * Which names the gateway answers to, and which web pages may call it.
 *
 * Rewriting `Host` switches off the server's own protection against DNS rebinding, so the check is
 * made here instead: a page that points its own name at this machine sends that name.
 */
export class CallerPolicy {
  #origins: ReadonlySet<string>;
  #ownPort: number | undefined;
  #publicUrl: URL | undefined;
  #hosts: ReadonlySet<string> = new Set();

  /** @param origins origins that may call, besides the public URL's own */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins.map((origin) => origin.toLowerCase()));
  }

  /** From now on these may call. */
  setOrigins(origins: readonly string[]): void {
    this.#origins = new Set(origins.map((origin) => origin.toLowerCase()));
  }

  set ownPort(port: number) {
    this.#ownPort = port;
    this.#rebuild();
  }

  get publicUrl(): URL | undefined {
    return this.#publicUrl;
  }

  set publicUrl(url: URL | undefined) {
    this.#publicUrl = url;
    this.#rebuild();
  }

  acceptsHost(request: RequestHead): boolean {
    const host = request.get('host');
    return host !== undefined && (this.#hosts.has(host) || this.#hosts.has(host.toLowerCase()));
  }

  /** A request without `Origin` is no web page's. */
  acceptsOrigin(request: RequestHead): boolean {
    const origin = request.get('origin');
    if (origin === undefined) return true;
    const lower = origin.toLowerCase();
    return lower === this.#publicUrl?.origin || this.#origins.has(lower);
  }

  /** Some origin is listed, so that answers depend on who asks. */
  get listsOrigins(): boolean {
    return this.#origins.size > 0;
  }

  /** The request's `Origin` when it is a listed one: such a page is told that it may read the answer. */
  listedOrigin(request: RequestHead): string | undefined {
    if (this.#origins.size === 0) return undefined;
    const origin = request.get('origin');
    return origin !== undefined && this.#origins.has(origin.toLowerCase()) ? origin : undefined;
  }

  #rebuild(): void {
    const hosts = new Set<string>();
    if (this.#ownPort !== undefined) addLoopback(hosts, String(this.#ownPort));
    const url = this.#publicUrl;
    if (url !== undefined) {
      const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
      hosts.add(`${url.hostname}:${port}`);
      if (url.port === '') hosts.add(url.hostname);
      if (isLoopbackHost(url.hostname)) addLoopback(hosts, port);
    }
    this.#hosts = hosts;
  }
}

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

function addLoopback(hosts: Set<string>, port: string): void {
  for (const name of LOOPBACK) {
    hosts.add(`${name}:${port}`);
    if (port === '80') hosts.add(name);
  }
}
