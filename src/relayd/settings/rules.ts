import { BlockList, isIP } from 'node:net';
import type { z } from 'zod';
import type { RelayConfig, RelayKey } from './keys.ts';

/** A key has its value, what was written in place of it, or nothing. */
type Written = Partial<RelayConfig>;

interface Fault {
  /** Absent: a key is missing, and there are several that could be given. */
  readonly key?: RelayKey;
  readonly message: string;
}

/**
 * The rules that hold between keys. What is wrong with a single key says its own schema, so a rule
 * holds nothing against values that are none.
 */
export function checkRules(config: Written, context: z.RefinementCtx): void {
  const faults = [...urlFaults(config), ...authFaults(config), ...tlsFaults(config), ...proxyFaults(config)];
  for (const { key, message } of faults) {
    context.addIssue({ code: 'custom', path: key === undefined ? [] : [key], message });
  }
}

/** Where visitors reach the relay; undefined while that is missing or no URL. */
export function publicUrlOf({ publicUrl, domain }: Written): URL | undefined {
  const url = publicUrl ?? (domain === undefined ? undefined : `https://${domain}`);
  return typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
}

function* urlFaults(config: Written): Iterable<Fault> {
  const { domain, publicUrl, routing } = config;
  if (domain === undefined && publicUrl === undefined) {
    yield { message: 'Say with `domain` where visitors reach the relay' };
  }
  const url = publicUrlOf(config);
  if (url === undefined) return;
  if (typeof domain === 'string' && publicUrl !== undefined && url.hostname !== domain.toLowerCase()) {
    yield { key: 'domain', message: `${domain} is not the host of the public URL ${url.href}` };
  }
  if (routing !== 'path' && /^\[|^[\d.]+$/.test(url.hostname)) {
    const message = `${url.hostname} is an address, which no name can stand in front of: use \`routing: path\``;
    yield { key: publicUrl === undefined ? 'domain' : 'publicUrl', message };
  }
}

function* authFaults({ staticToken, authUrl, authSecret, open }: Written): Iterable<Fault> {
  const ways = [
    ...(staticToken === undefined ? [] : (['staticToken'] as const)),
    ...(authUrl === undefined ? [] : (['authUrl'] as const)),
    ...(open === true ? (['open'] as const) : []),
  ];
  const [way, other] = ways;
  if (way === undefined && authSecret === undefined) {
    const message = 'Say who may register: `staticToken`, `authUrl`, or `open: true` for anybody';
    yield { message };
  }
  if (way !== undefined && other !== undefined) {
    yield { key: other, message: `excludes \`${way}\`: there is one way to say who may register` };
  }
  if (authSecret !== undefined && authUrl === undefined)
    yield { key: 'authSecret', message: 'needs `authUrl`' };
  if (authUrl !== undefined && authSecret === undefined)
    yield { key: 'authUrl', message: 'needs `authSecret`' };
}

function* tlsFaults(config: Written): Iterable<Fault> {
  const { tlsCert, tlsKey, acme, redirectPort } = config;
  if (tlsCert !== undefined && tlsKey === undefined) yield { key: 'tlsCert', message: 'needs `tlsKey`' };
  if (tlsKey !== undefined && tlsCert === undefined) yield { key: 'tlsKey', message: 'needs `tlsCert`' };
  const url = publicUrlOf(config);
  if (redirectPort !== 0 && url !== undefined && url.protocol !== 'https:') {
    yield { key: 'redirectPort', message: `leads to https, which ${url.href} is not` };
  }
  if (acme !== true) {
    const keys = ['acmeDirectory', 'acmeEmail', 'acmeFolder'] as const;
    for (const key of keys) if (config[key] !== undefined) yield { key, message: 'needs `acme: true`' };
    return;
  }
  if (tlsCert !== undefined) {
    yield { key: 'acme', message: 'excludes `tlsCert`: certificates come from one place' };
  }
  if (url !== undefined && (url.protocol !== 'https:' || isIP(url.hostname.replace(/[[\]]/g, '')) !== 0)) {
    yield { key: 'acme', message: `is for https and a host with a name, which ${url.href} has not` };
  }
}

function* proxyFaults({ proxyProtocol, trustedProxies }: Written): Iterable<Fault> {
  if (proxyProtocol === true && trustedProxies instanceof BlockList && trustedProxies.rules.length === 0) {
    yield {
      key: 'proxyProtocol',
      message: 'needs `trustedProxies`: whose PROXY headers are to be believed?',
    };
  }
}
