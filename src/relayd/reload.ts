import type { RelaySettings } from './settings/relay-settings.ts';

/** What a running relay cannot change, by the name of its option. */
const FIXED = {
  host: ({ host }) => host,
  port: ({ port }) => port,
  routing: ({ routing }) => routing,
  'public-url': ({ publicUrl }) => publicUrl.href,
  'tls-cert': ({ tls }) => tls !== undefined,
  acme: ({ acme }) => (acme === undefined ? undefined : `${acme.directory} ${acme.email} ${acme.folder}`),
  'redirect-port': ({ redirectPort }) => redirectPort,
  'proxy-protocol': ({ proxyProtocol }) => proxyProtocol,
  'mcp-tunnel-agents': ({ mcpTunnelAgents }) => mcpTunnelAgents,
  'admin-port': ({ adminPort }) => adminPort,
  'admin-socket': ({ adminSocket }) => adminSocket,
} as const satisfies Readonly<Record<string, (settings: RelaySettings) => unknown>>;

/** The settings that differ and count only after a restart. */
export function awaitingRestart(running: RelaySettings, wanted: RelaySettings): readonly string[] {
  return Object.entries(FIXED)
    .filter(([, read]) => read(running) !== read(wanted))
    .map(([name]) => name);
}
