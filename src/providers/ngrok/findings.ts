import type { Finding } from '../../core/status.ts';
import type { NgrokOptions } from './options.ts';

/** What is known of a session that is open. */
interface Live {
  readonly publicUrl: URL;
  readonly pid: number | undefined;
  readonly latencyMs: number | undefined;
}

/** What an ngrok session stands on: its process, and the edge that answers its heartbeats. */
export function findings({ server = 'ngrok' }: NgrokOptions, live: Live | undefined): readonly Finding[] {
  if (live === undefined) {
    const remedy = 'The last error in `tunneld status` says why.';
    return [{ name: 'agent', ok: false, detail: 'no agent process holds a session', remedy }];
  }
  const agent = `process ${live.pid ?? '?'} holds ${live.publicUrl.origin}`;
  const heartbeat =
    live.latencyMs === undefined ? 'connected' : `the last heartbeat took ${Math.round(live.latencyMs)} ms`;
  return [
    { name: 'agent', ok: true, detail: agent, remedy: '' },
    { name: 'edge', ok: true, detail: `${server}: ${heartbeat}`, remedy: '' },
  ];
}
