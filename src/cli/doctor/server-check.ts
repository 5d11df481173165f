import type { TunnelStatus } from '../../core/status.ts';
import { ask, connectFailure } from './answers.ts';
import { bad, type Outcome, ok, skipped, warn } from './check.ts';
import { isEverywhere, listeners } from './listeners.ts';

const CONNECT_MS = 2_000;
/** The search for the port it may be on instead: each program gets this long (milliseconds). */
const GLANCE_MS = 500;
const MOST_CANDIDATES = 20;

/** The MCP server itself: is it there, is it one, does it let us in. */
export async function checkServer(
  upstream: URL,
  status: TunnelStatus | undefined,
  ours: ReadonlySet<number>,
): Promise<Outcome> {
  const [host, port] = [hostOf(upstream), portOf(upstream)];
  const failure = await connectFailure(host, port, CONNECT_MS);
  if (failure !== undefined) return await notThere(upstream, failure, ours);
  const local = status?.health.local;
  if (local === undefined) return skipped(`${upstream.host} accepts connections; not probed yet`);
  if (local.finding === 'refused') return ok(`${upstream.host} accepts connections again; probed soon`);
  if (!local.ok) return bad(`${local.finding}: ${local.detail}`, status?.health.remedy ?? '');
  const era = status?.health.era ?? 'unknown';
  const facts = [status?.health.server, `era ${era}`, local.detail].filter(
    (text) => text !== undefined && text !== '',
  );
  if (local.finding !== 'needs-auth') return ok(facts.join(', '));
  return warn(
    `${facts.join(', ')}`,
    'The server wants a login of its own: give clients that too, in another header.',
  );
}

/** Who on the network reaches the server without any tunnel. */
export async function checkListening(upstream: URL): Promise<Outcome> {
  const all = listeners();
  if (all === undefined) return skipped('this system does not say');
  const mine = all.filter(({ port }) => port === portOf(upstream));
  if (mine.length === 0) return skipped('nobody listens');
  const open = mine.find(isEverywhere);
  if (open === undefined) return ok(mine.map(({ address, port }) => `${address}:${port}`).join(', '));
  return warn(
    `it listens on all interfaces (${open.address}:${open.port}): your network reaches it without a token`,
    'Have the server listen on 127.0.0.1 only.',
  );
}

async function notThere(upstream: URL, failure: string, ours: ReadonlySet<number>): Promise<Outcome> {
  if (failure !== 'ECONNREFUSED') {
    return bad(
      `${upstream.host} cannot be reached (${failure})`,
      'Check the host and port given for the server.',
    );
  }
  const elsewhere = await findElsewhere(upstream, ours);
  if (elsewhere.length === 0) {
    return bad(
      `nothing listens on ${upstream.host}`,
      'Start the server; the tunnel stays and heals by itself.',
    );
  }
  const [ports, use] =
    elsewhere.length === 1
      ? [`port ${elsewhere[0]} answers`, `If that is your server, use that port: --port ${elsewhere[0]}.`]
      : [`ports ${elsewhere.join(', ')} answer`, 'If one of them is your server, use its port: --port PORT.'];
  return bad(`nothing listens on ${upstream.host}, but ${ports} at ${upstream.pathname}`, use);
}

/**
 * Ports of this user's programs that have something at the MCP path. A GET changes nothing; an MCP
 * server answers it with a stream or a refusal, and everything else with "not found".
 */
async function findElsewhere(upstream: URL, ours: ReadonlySet<number>): Promise<readonly number[]> {
  const self = process.getuid?.();
  const ports = (listeners() ?? []).flatMap(({ port, uid }) =>
    uid === self && !ours.has(port) ? [port] : [],
  );
  const candidates = [...new Set(ports)].slice(0, MOST_CANDIDATES);
  const found = await Promise.all(
    candidates.map(async (port) => {
      const url = new URL(`http://127.0.0.1:${port}${upstream.pathname}`);
      const answer = await ask(url, { accept: 'application/json, text/event-stream' }, GLANCE_MS);
      const alike = 'status' in answer && [200, 400, 401, 403, 405, 406].includes(answer.status);
      return alike ? [port] : [];
    }),
  );
  return found.flat();
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80));
}
