import type { RpcMessage } from './rpc.ts';
import { isRecord } from './rpc.ts';

/** Newest first. */
export const LEGACY_REVISIONS = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
] as const;
/** The first revision without `initialize`, and those that came after it. */
export const MODERN_REVISION = '2026-07-28';

const META = 'io.modelcontextprotocol/protocolVersion';

/** Whether a request is of revision 2026-07-28 or later: it says so itself, and belongs to no session. */
export function isModern(message: RpcMessage, header: string | undefined): boolean {
  const claimed = claimedRevision(message);
  if (claimed !== undefined) return claimed >= MODERN_REVISION;
  return message.method === 'server/discover' || (header !== undefined && header >= MODERN_REVISION);
}

/** The revision that a modern request names in its body. */
export function claimedRevision(message: RpcMessage): string | undefined {
  const meta = message.params?.['_meta'];
  const claimed = isRecord(meta) ? meta[META] : undefined;
  return typeof claimed === 'string' ? claimed : undefined;
}

/** What our own questions to a modern server carry. */
export function modernMeta(version: string): Readonly<Record<string, unknown>> {
  return {
    [META]: MODERN_REVISION,
    'io.modelcontextprotocol/clientInfo': { name: 'tunneld', version },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
}

/** What a shared server and a client speak together: the older of the two revisions. */
export function commonRevision(asked: unknown, spoken: unknown): string {
  const server = typeof spoken === 'string' ? spoken : LEGACY_REVISIONS[0];
  const known = typeof asked === 'string' && (LEGACY_REVISIONS as readonly string[]).includes(asked);
  return known && asked < server ? asked : server;
}
