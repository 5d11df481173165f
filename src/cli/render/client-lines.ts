import type { TunnelStatus } from '../../core/status.ts';
import { CLIENTS, type Client, type ClientFacts, type ClientName, exportLines } from './clients.ts';
import { printable } from './printable.ts';

/** What a client has to be told of the tunnel; undefined before it has a URL. */
export function clientFacts(status: TunnelStatus): ClientFacts | undefined {
  const { name, mcpUrl: url, publicUrl, insecurePublic: open, health } = status;
  if (url === undefined || publicUrl === undefined) return undefined;
  return { name, url, publicUrl, open, serverAuth: health.local?.finding === 'needs-auth' };
}

/** The part of the configuration of one client, under its name. */
export function clientLines(name: ClientName, facts: ClientFacts): readonly string[] {
  const client: Client = CLIENTS[name];
  const lines = [...exportLines(facts, client), ...client.lines(facts)];
  return [`${client.title}, ${client.place}:`, ...lines.map((line) => `  ${printable(line)}`)];
}
