import { isLoopbackHost } from '../core/loopback.ts';
import type { UpstreamAddress } from './gateway-options.ts';

/**
 * What a server may call itself in a URL: its address in any spelling, the addresses it may be bound
 * to, and the `Host` it is shown. The scheme counts for nothing but its port: a server may have built
 * the URL of what the caller used.
 */
export class ServerNames {
  /** Of which relative references are relative. */
  readonly base: string;
  readonly #hosts: ReadonlySet<string>;
  readonly #port: string;

  constructor({ protocol, host, port, hostHeader }: UpstreamAddress) {
    this.base = `${protocol}//${hostHeader}`;
    this.#port = String(port);
    const shown = URL.canParse(this.base) ? new URL(this.base).host : hostHeader.toLowerCase();
    const dialled = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host.toLowerCase();
    this.#hosts = new Set([shown, `${dialled}:${port}`]);
  }

  /** @param url of http or https */
  has(url: URL): boolean {
    const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
    if (this.#hosts.has(url.host) || this.#hosts.has(`${url.hostname}:${port}`)) return true;
    return port === this.#port && (isLoopbackHost(url.hostname) || UNSPECIFIED.has(url.hostname));
  }
}

/** Servers name the address they are bound to, which cannot be called. */
const UNSPECIFIED = new Set(['0.0.0.0', '[::]', '[::ffff:0:0]']);
