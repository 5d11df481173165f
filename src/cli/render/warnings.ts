import { isLoopbackHost } from '../../core/loopback.ts';
import type { TunnelStatus } from '../../core/status.ts';

/** Warnings for a tunnel that works: what its session cannot do, who may read along. */
export function warningsOf({ session, publicUrl, insecurePublic }: TunnelStatus): readonly string[] {
  const notes = session?.notes ?? [];
  if (publicUrl === undefined || insecurePublic || notes.some((note) => /in clear/.test(note))) return notes;
  const { protocol, hostname } = new URL(publicUrl);
  if (protocol !== 'http:' || isLoopbackHost(hostname)) return notes;
  return [
    ...notes,
    'The public URL is http: everybody on the way can read the token. Use a relay with https.',
  ];
}
