import http from 'node:http';
import { INSTANCE_HEADER, RELAY_HEADER } from '../../core/markers.ts';
import type { Listener } from './listeners.ts';

/** Each program gets this long, and all of them together that long (milliseconds). */
const GLANCE_MS = 500;
const SEARCH_MS = 2_500;
const AT_ONCE = 32;
/** More would be no help to choose from. */
const MOST_FOUND = 5;

/** Well-known ports of what does not speak HTTP, and would only note a strange caller in its log. */
const NOT_HTTP: ReadonlySet<number> = new Set([
  22, 25, 53, 111, 139, 143, 389, 445, 465, 587, 636, 993, 995, 1433, 1521, 2049, 3306, 3389, 5432, 5672,
  5900, 6379, 11211, 27017,
]);

/**
 * Ports of this machine that have something at the MCP path, the likeliest first.
 *
 * The question is OPTIONS with the id of a session that does not exist: no MCP server opens a stream
 * or a session for it, where a GET takes the only slot of some and a POST leaves a session on others.
 * A gateway or relay of tunneld is no server.
 *
 * @param ours ports that are known to be the daemon's own
 */
export async function findElsewhere(
  upstream: URL,
  listeners: readonly Listener[],
  ours: ReadonlySet<number>,
): Promise<readonly number[]> {
  const waiting = candidates(upstream, listeners, ours);
  const found: { readonly port: number; readonly rank: number }[] = [];
  const until = Date.now() + SEARCH_MS;
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined && Date.now() < until; next = waiting.shift()) {
      const { port, host } = next;
      if (await looksAlike(host, port, upstream.pathname)) found.push(next);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const ports = found.sort((a, b) => a.rank - b.rank).map(({ port }) => port);
  return [...new Set(ports)].slice(0, MOST_FOUND);
}

interface Candidate {
  readonly port: number;
  readonly host: string;
  /** Smaller is likelier. */
  readonly rank: number;
}

/** This user's programs first, and among them those whose port is nearest. */
function candidates(upstream: URL, listeners: readonly Listener[], ours: ReadonlySet<number>): Candidate[] {
  const self = process.getuid?.();
  const wanted = Number(upstream.port || 80);
  const seen = new Map<number, Candidate>();
  for (const { address, port, uid } of listeners) {
    const host = reachableAt(address);
    if (host === undefined || ours.has(port) || NOT_HTTP.has(port) || port === wanted) continue;
    const rank = (uid === self ? 0 : 100_000) + Math.abs(port - wanted);
    // With both addresses it is one program, as a rule.
    if (!seen.has(port) || host === '127.0.0.1') seen.set(port, { port, host, rank });
  }
  return [...seen.values()].sort((a, b) => a.rank - b.rank);
}

function reachableAt(address: string): string | undefined {
  if (address === '0.0.0.0' || address === '::' || address.startsWith('127.')) {
    return address.startsWith('127.') ? address : '127.0.0.1';
  }
  return address === '::1' ? '::1' : undefined;
}

function looksAlike(host: string, port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = {
      // Servers that guard against DNS rebinding know no other name of themselves.
      host: `localhost:${port}`,
      accept: 'application/json, text/event-stream',
      'mcp-session-id': 'tunneld-doctor-looks-for-a-server',
    };
    const call = http.request({ host, port, path, method: 'OPTIONS', headers, agent: false }, (response) => {
      const timer = setTimeout(() => call.destroy(), GLANCE_MS);
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        if (text.length > 2_048) call.destroy();
      });
      response.on('error', () => {});
      response.once('close', () => {
        clearTimeout(timer);
        resolve(isAlike(response, text));
      });
    });
    const timer = setTimeout(() => call.destroy(), GLANCE_MS);
    call.once('close', () => {
      clearTimeout(timer);
      resolve(false);
    });
    call.on('error', () => {});
    call.end();
  });
}

const ALIKE: ReadonlySet<number> = new Set([200, 204, 400, 401, 403, 405, 406, 415]);

/** What is not there is not found; a session that is not there is another matter. */
function isAlike({ statusCode = 0, headers }: http.IncomingMessage, text: string): boolean {
  if (headers[INSTANCE_HEADER] !== undefined || headers[RELAY_HEADER] !== undefined) return false;
  if (statusCode === 404) return /session/i.test(text);
  return ALIKE.has(statusCode);
}
