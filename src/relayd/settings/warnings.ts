import { closeFile } from '../../config/private-files.ts';
import { isLiteral, secretsIn } from '../../config/secret-fields.ts';
import type { RelaySettings } from './relay-settings.ts';
import { relaySchema } from './schema.ts';
import { type Entries, valuesOf } from './sources.ts';

/** A secret on a command line is in every list of processes; one in a file is for its owner alone. */
export function literalSecrets(
  options: Entries,
  file: string | undefined,
  inFile: Entries,
): readonly string[] {
  const typed = [...options].flatMap(([key, entry]) =>
    holdsLiteral(new Map([[key, entry]])) ? [entry.place()] : [],
  );
  return [
    ...typed.map(
      (option) => `${option} with the secret itself shows it to everybody on this machine; use file: or env:`,
    ),
    ...(file !== undefined && holdsLiteral(inFile) ? closeFile(file) : []),
  ];
}

/** What is allowed, and seldom meant. `fromMcpr`: the settings were written for mcp-tunnel or mcpr. */
export function oddSettings(settings: RelaySettings, entries: Entries, fromMcpr: boolean): readonly string[] {
  const { publicUrl, tls, acme, trustedProxies, mcpTunnelAgents, auth } = settings;
  const hasOwnTls = tls !== undefined || acme !== undefined;
  return [
    ...(publicUrl.protocol === 'https:' && !hasOwnTls && trustedProxies.rules.length === 0
      ? [
          'a proxy in front ends TLS, and --trusted-proxies does not name it: all visitors count as one address, in limits and in the log',
        ]
      : []),
    ...(!mcpTunnelAgents && fromMcpr && !entries.has('mcpTunnelAgents')
      ? [
          'clients of mcp-tunnel and mcpr are refused: to serve them, whose tunnels anybody may call, set --mcp-tunnel-agents serve',
        ]
      : []),
    ...(auth.kind === 'open' ? ['this relay is open: anybody who reaches it may register a tunnel'] : []),
  ];
}

function holdsLiteral(entries: Entries): boolean {
  return secretsIn(relaySchema, valuesOf(entries)).some(isLiteral);
}
