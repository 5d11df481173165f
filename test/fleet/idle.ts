import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type Access, Tunneld } from '../helpers/tunneld.ts';
import type { FleetMember } from './fleet.ts';
import type { FleetServer, SessionCount } from './server.ts';

export interface IdleReport {
  readonly member: FleetMember;
  /** What the daemon says at the end: `up/healthy: …`. */
  readonly verdict: string;
  /** As the server counts them, at the end; undefined when it did not answer. */
  readonly sessions: SessionCount | undefined;
  /** What was harmed; empty when nothing was. */
  readonly faults: readonly string[];
}

interface Guest {
  readonly member: FleetMember;
  readonly server: FleetServer;
  readonly client: Client;
  /** Ends of the connection that the client was told of. */
  readonly closings: readonly string[];
}

const TWO_A_MINUTE_MS = 30_000;

/** Brings every member up with one client each, leaves them alone for `forMs`, and looks again. */
export async function idle(
  members: readonly FleetMember[],
  forMs: number,
  say: (text: string) => void,
): Promise<readonly IdleReport[]> {
  await using home = await Tunneld.create();
  const guests: Guest[] = [];
  const failed: IdleReport[] = [];
  const servers: FleetServer[] = [];
  try {
    for (const member of members) {
      const server = await member.start();
      servers.push(server);
      await home.writeConfig(configOf([...guests, { member, server }]));
      try {
        await home.ok('up', member.name, '--wait=30s');
        const { client, closings } = await connect(member, await home.access(member.name));
        guests.push({ member, server, client, closings });
        say(`${member.name}: up, with a client`);
      } catch (error) {
        const faults = [`it did not come up with a client: ${messageOf(error)}${lastWords(server)}`];
        failed.push({ member, verdict: 'not up', sessions: undefined, faults });
      }
    }
    const end = performance.now() + forMs;
    while (performance.now() < end) {
      await delay(Math.min(TWO_A_MINUTE_MS, Math.max(0, end - performance.now())));
      const dead = guests.filter(({ server }) => !server.alive()).map(({ member }) => member.name);
      if (dead.length > 0) say(`dead by now: ${dead.join(', ')}`);
    }
    return [...failed, ...(await Promise.all(guests.map((guest) => look(guest, home))))];
  } finally {
    await Promise.all(guests.map(({ client }) => client.close()));
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  }
}

async function look({ member, server, client, closings }: Guest, home: Tunneld): Promise<IdleReport> {
  const { state, health, replacements } = await home.status(member.name);
  // Counted before the client calls: only what the idle time left.
  const sessions = server.alive() ? await server.sessions().catch(() => undefined) : undefined;
  const faults = [...closings];
  if (!server.alive()) faults.push(`the server's process ended${lastWords(server)}`);
  if (replacements > 0) faults.push(`the tunnel's session was replaced ${replacements} times`);
  if (sessions === undefined) faults.push('the server does not say how many sessions it holds');
  else if (sessions.open !== 1) faults.push(`${sessions.open} sessions are open, and one client is there`);
  try {
    await client.callTool(CALLS[member.name] ?? { name: 'ping', arguments: {} }, undefined, {
      timeout: 20_000,
    });
  } catch (error) {
    faults.push(`its one client does not work any more: ${messageOf(error)}`);
  }
  return { member, verdict: `${state}/${health.verdict}: ${health.cause}`, sessions, faults };
}

const CALLS: Readonly<Record<string, { name: string; arguments: Record<string, unknown> }>> = {
  supergateway: { name: 'echo', arguments: { message: 'hello' } },
};

async function connect(member: FleetMember, { url, token }: Access) {
  const client = new Client({ name: 'idle', version: '1.0.0' });
  const closings: string[] = [];
  client.onerror = (error) => void closings.push(`the client was told: ${error.message}`);
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  const transport =
    member.path === '/sse'
      ? new SSEClientTransport(url, { requestInit })
      : new StreamableHTTPClientTransport(url, { requestInit });
  // The classes and the interface disagree about `sessionId` under exactOptionalPropertyTypes.
  await client.connect(transport as Transport);
  return { client, closings };
}

function configOf(guests: readonly Pick<Guest, 'member' | 'server'>[]): string {
  const rows = guests.map(
    ({ member: { name, path }, server: { port } }) =>
      `  ${name}:\n    url: http://127.0.0.1:${port}${path}\n    health: { schedule: "*/5 * * * * *" }\n`,
  );
  return `tunnels:\n${rows.join('')}`;
}

function lastWords(server: FleetServer): string {
  const words = server.printed().trim().split('\n').slice(-3).join('\n      ');
  return words === '' ? '' : `\n      ${words}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
