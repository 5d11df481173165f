import { isRecord } from './rpc.ts';

/** What is known of a server from its first handshake. Kept between runs: it must stay readable. */
export interface Knowledge {
  /** What it speaks: sessions that begin with `initialize`, or revision 2026-07-28. */
  readonly era: 'legacy' | 'modern';
  /** `name version`, as it calls itself. */
  readonly server?: string;
  /** How many tools it listed. */
  readonly tools?: number;
  /** The result of its `initialize` or `server/discover`. */
  readonly hello: Readonly<Record<string, unknown>>;
}

/** `name version`, where the server says so. */
export function nameOf(hello: Readonly<Record<string, unknown>>): string | undefined {
  const meta = hello['_meta'];
  const info =
    hello['serverInfo'] ?? (isRecord(meta) ? meta['io.modelcontextprotocol/serverInfo'] : undefined);
  if (!isRecord(info)) return undefined;
  const { name, version } = info;
  return typeof name === 'string' ? `${name}${typeof version === 'string' ? ` ${version}` : ''}` : undefined;
}

export function hasTools(hello: Readonly<Record<string, unknown>>): boolean {
  const capabilities = hello['capabilities'];
  return isRecord(capabilities) && isRecord(capabilities['tools']);
}
