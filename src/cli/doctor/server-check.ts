import { isUnixUrl, partsOfUnixUrl } from '../../config/upstream-url.ts';
import type { TunnelStatus } from '../../core/status.ts';
import { connectFailure } from './answers.ts';
import { bad, type Outcome, ok, skipped, warn } from './check.ts';
import { findElsewhere } from './elsewhere.ts';
import { isEverywhere, listeners } from './listeners.ts';

const CONNECT_MS = 2_000;

export interface ServerFacts {
  readonly name: string;
  readonly upstream: URL;
  /** To connect to, in this order; an IPv6 address has no brackets. */
  readonly hosts: readonly string[];
  /** Ports that are the daemon's own. */
  readonly ours: ReadonlySet<number>;
}

/** The MCP server itself: is it there, is it one, does it let us in. */
export async function checkServer(facts: ServerFacts, status: TunnelStatus | undefined): Promise<Outcome> {
  const { upstream, name } = facts;
  // A look must not start it: what the daemon knows of it is all there is to know.
  if (isProgram(upstream))
    return status === undefined ? skipped('only the daemon starts it') : seenOf(name, status);
  const failure = await failureOf(facts);
  if (failure !== undefined) return await notThere(facts, failure);
  const local = status?.health.local;
  const where = whereOf(upstream);
  if (local === undefined) return skipped(`${where} accepts connections; not probed yet`);
  if (local.finding === 'refused') return ok(`${where} accepts connections again; probed soon`);
  return seenOf(name, status);
}

/** What the daemon's last look at it showed. */
function seenOf(name: string, status: TunnelStatus | undefined): Outcome {
  const local = status?.health.local;
  if (local === undefined) return skipped('not looked at yet');
  if (!local.ok) return bad(`${local.finding}: ${local.detail}`, status?.health.remedy ?? '');
  const era = status?.health.era ?? 'unknown';
  const seen = [status?.health.server, `era ${era}`, local.detail].filter(
    (text) => text !== undefined && text !== '',
  );
  if (local.finding !== 'needs-auth') return ok(seen.join(', '));
  return warn(
    seen.join(', '),
    `The server wants a login of its own. Clients send it as Authorization, and the tunnel's token as X-Tunneld-Token: \`tunneld client ${name}\` prints both.`,
  );
}

/** Who on the network reaches the server without any tunnel. */
export async function checkListening(upstream: URL): Promise<Outcome> {
  if (socketOf(upstream) !== undefined) return ok('a Unix socket, which no network reaches');
  if (isProgram(upstream)) return ok('nowhere: only its gateway reaches it');
  const all = listeners();
  if (all === undefined) return skipped('this system does not say');
  const mine = all.filter(({ port }) => port === portOf(upstream));
  if (mine.length === 0) return skipped('nothing listens');
  const open = mine.find(isEverywhere);
  if (open === undefined) return ok(mine.map(({ address, port }) => `${address}:${port}`).join(', '));
  return warn(
    `it listens on all interfaces (${open.address}:${open.port}): your network reaches it without a token`,
    'Have the server listen on 127.0.0.1 only.',
  );
}

/** No host takes connections: the failure of the first one, which is the one that was named. */
async function failureOf({ hosts, upstream }: ServerFacts): Promise<string | undefined> {
  const socket = socketOf(upstream);
  if (socket !== undefined) return await connectFailure({ path: socket }, CONNECT_MS);
  const failures: string[] = [];
  for (const host of hosts) {
    const failure = await connectFailure({ host, port: portOf(upstream) }, CONNECT_MS);
    if (failure === undefined) return undefined;
    failures.push(failure);
  }
  return failures[0];
}

async function notThere({ upstream, ours, name }: ServerFacts, failure: string): Promise<Outcome> {
  const socket = socketOf(upstream);
  if (socket !== undefined) {
    return bad(
      `nothing accepts connections on ${whereOf(upstream)} (${failure})`,
      'Start the server, and check the path of its socket and who may open it.',
    );
  }
  if (failure !== 'ECONNREFUSED') {
    return bad(
      `${upstream.host} cannot be reached (${failure})`,
      'Check the host and port given for the server.',
    );
  }
  const elsewhere = await findElsewhere(upstream, listeners() ?? [], ours);
  if (elsewhere.length === 0) {
    return bad(
      `nothing listens on ${upstream.host}`,
      'Start the server; the tunnel stays and heals by itself.',
    );
  }
  const typed = (port: number | string) => `\`tunneld set ${name} --port ${port}\``;
  const [ports, use] =
    elsewhere.length === 1
      ? [
          `port ${elsewhere[0]} answers`,
          `If that is your server, use that port: --port ${elsewhere[0]} (${typed(elsewhere[0] ?? '')}).`,
        ]
      : [
          `ports ${elsewhere.join(', ')} answer`,
          `If one of them is your server, use its port: --port PORT (${typed('PORT')}).`,
        ];
  return bad(`nothing listens on ${upstream.host}, but ${ports} at ${upstream.pathname}`, use);
}

function whereOf(upstream: URL): string {
  const socket = socketOf(upstream);
  return socket === undefined ? upstream.host : `unix:${socket}`;
}

/** A program that the daemon starts: it has no address. */
function isProgram(upstream: URL): boolean {
  return upstream.protocol === 'stdio:';
}

/** The Unix socket it listens on; undefined for a TCP port. */
function socketOf(upstream: URL): string | undefined {
  return isUnixUrl(upstream.href) ? decodeURI(partsOfUnixUrl(upstream.href).socketPath) : undefined;
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80));
}
