import type { ServerSign } from '../core/server-sign.ts';

/** Sessions looked at at once: enough to see that there are several. */
const MAX_SESSIONS = 8;

/**
 * What real traffic taught us of a server, for the probes to be no rougher than they may be. Everything
 * is bounded, and forgotten when the server was away: what comes back may be another one.
 */
export class ServerFacts {
  readonly #path: string;
  /** Sessions that answered, by label; how many others had been opened when each was first seen. */
  readonly #sessions = new Map<string, number>();
  #opened = 0;
  /** A caller's `initialize` was answered without a session. */
  stateless = false;
  /** It served an older session after it had opened a newer one. */
  severalSessions = false;
  /** A caller's GET of the MCP path was answered with the stream of HTTP+SSE. */
  streamsOnly = false;

  /** @param path of the MCP endpoint */
  constructor(path: string) {
    this.#path = path;
  }

  learn(sign: ServerSign): void {
    const { seen, rpc, opened, session } = sign;
    if (seen.kind !== 'answer' || seen.status >= 300) return;
    if (sign.method === 'GET' && sign.path === this.#path && session === undefined) {
      if (/^text\/event-stream\b/i.test(seen.type) && ENDPOINT.test(seen.start)) this.streamsOnly = true;
    }
    if (sign.call && sign.path === this.#path) {
      // A POST that this path answers is none of a server that only streams from it.
      this.streamsOnly = false;
      // 202 is the answer of a POST whose own comes by a stream.
      if (rpc === 'initialize' && seen.status === 200) {
        if (seen.start.includes('"result"')) this.#initialized(opened);
      } else if (session !== undefined) this.#served(session);
    }
    if (sign.method === 'DELETE' && session !== undefined) this.#sessions.delete(session);
  }

  forget(): void {
    this.#sessions.clear();
    this.#opened = 0;
    this.stateless = false;
    this.severalSessions = false;
    this.streamsOnly = false;
  }

  #initialized(opened: string | undefined): void {
    this.stateless = opened === undefined;
    if (opened === undefined || this.#sessions.has(opened)) return;
    const oldest = this.#sessions.size >= MAX_SESSIONS ? this.#sessions.keys().next().value : undefined;
    if (oldest !== undefined) this.#sessions.delete(oldest);
    this.#opened++;
    this.#sessions.set(opened, this.#opened);
  }

  #served(session: string): void {
    const at = this.#sessions.get(session);
    if (at === undefined) return;
    for (const other of this.#sessions.values()) if (other > at) this.severalSessions = true;
  }
}

/** The first event of such a stream, its fields in any order. */
const ENDPOINT = /^event: ?endpoint\r?$/m;
