import type { RelaySettings } from './settings/relay-settings.ts';

type Read = (settings: RelaySettings) => unknown;

/**
 * Every setting, so that a new one cannot be left out: `null` is applied at once, the others are what a
 * running relay cannot change, by the name of its option.
 */
const FIXED: Readonly<Record<keyof RelaySettings, readonly [option: string, read: Read] | null>> = {
  host: ['host', ({ host }) => host],
  port: ['port', ({ port }) => port],
  routing: ['routing', ({ routing }) => routing],
  publicUrl: ['public-url', ({ publicUrl }) => publicUrl.href],
  // The files themselves are read again.
  tls: ['tls-cert', ({ tls }) => tls !== undefined],
  acme: ['acme', ({ acme }) => acme && `${acme.directory} ${acme.email} ${acme.folder}`],
  redirectPort: ['redirect-port', ({ redirectPort }) => redirectPort],
  proxyProtocol: ['proxy-protocol', ({ proxyProtocol }) => proxyProtocol],
  mcpTunnelAgents: ['mcp-tunnel-agents', ({ mcpTunnelAgents }) => mcpTunnelAgents],
  adminPort: ['admin-port', ({ adminPort }) => adminPort],
  adminSocket: ['admin-socket', ({ adminSocket }) => adminSocket],
  auth: null,
  trustedProxies: null,
  limits: null,
  logSample: null,
  drainMs: null,
  // Counts from the start: a later change has nothing left to change.
  returnsMs: null,
};

/** The settings that differ and count only after a restart. */
export function awaitingRestart(running: RelaySettings, wanted: RelaySettings): readonly string[] {
  return Object.values(FIXED).flatMap((fixed) => {
    if (fixed === null) return [];
    const [option, read] = fixed;
    return read(running) === read(wanted) ? [] : [option];
  });
}
