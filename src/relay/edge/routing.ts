import { routeHost } from './host-routing.ts';
import { type Route, routePath, routeWellKnown } from './path-routing.ts';

export type RoutingKind = 'path' | 'host';

/** Which tunnel an address means, and which address a tunnel has. */
export class Routing {
  readonly kind: RoutingKind;
  /** Where visitors reach the relay. */
  base: URL;

  constructor(kind: RoutingKind, base: URL) {
    this.kind = kind;
    this.base = base;
  }

  publicUrl(name: string): URL {
    if (this.kind === 'path') return new URL(`${this.base.href.replace(/\/+$/, '')}/${name}`);
    const url = new URL(this.base);
    url.hostname = `${name}.${url.hostname}`;
    return url;
  }

  /** @returns undefined when no tunnel can be meant */
  route(host: string, target: string): Route | undefined {
    if (this.kind === 'host') return routeHost(host, target, this.base.hostname);
    return routeWellKnown(target) ?? routePath(target);
  }

  /** The tunnel whose host this is; by path no host is a tunnel's. */
  nameInHost(host: string | undefined): string | undefined {
    if (this.kind !== 'host') return undefined;
    return routeHost(host ?? '', '', this.base.hostname)?.name;
  }
}
