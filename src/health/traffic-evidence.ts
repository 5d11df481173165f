import type { ServerSign } from '../core/server-sign.ts';
import { isDisconnected } from './judge-server.ts';
import { failureKind, LOCAL_FINDINGS } from './network-failure.ts';
import type { Finding, ProbeResult } from './probe-result.ts';

/** What one exchange says of the server. */
export type TrafficWord =
  | { readonly word: 'good' }
  | { readonly word: 'bad'; readonly finding: Finding; readonly says: string }
  /** No first byte yet. A call may take long; that alone proves nothing. */
  | { readonly word: 'slow'; readonly forMs: number }
  /** Nothing: our own answer, a lost session, a question that is no MCP. */
  | { readonly word: 'nothing' };

/** What callers have met lately, where that is nothing good. */
export interface TrafficView {
  readonly result: ProbeResult;
  /** `all`: no caller got an answer since; `some`: others did. */
  readonly share: 'all' | 'some';
}

/** So many, so that one odd call does not outweigh a probe. */
const ENOUGH = 3;
/** How long a failure counts without further calls (milliseconds). */
const MEMORY_MS = 5 * 60_000;
const RECENT_MS = 60_000;
/** Enough to judge by; more would only cost memory. */
const MAX_KEPT = 20;
/** A call that is to be answered at once (its result comes by a stream), and any other (milliseconds). */
const TOO_SLOW_MS = { stream: 10_000, other: 30_000 } as const;

interface Failure {
  readonly at: number;
  readonly finding: Finding;
  readonly says: string;
}

/**
 * What real traffic shows of the server, in both directions: answers that a probe need not ask for
 * again, and failures that a probe does not see. Its memory is bounded, however many call.
 */
export class TrafficEvidence {
  readonly #path: string;
  readonly #failures: Failure[] = [];
  readonly #answers: number[] = [];
  /** When a caller last got an MCP answer (monotonic). */
  goodAt = Number.NEGATIVE_INFINITY;
  /** When one last did through the public URL. */
  goodVisitAt = Number.NEGATIVE_INFINITY;
  /** When a visitor's request last came through the public URL, whatever became of it. */
  visitAt = Number.NEGATIVE_INFINITY;

  /** @param path of the MCP endpoint */
  constructor(path: string) {
    this.#path = path;
  }

  /** @param streamsOnly the server answers calls by a stream alone (HTTP+SSE) */
  note(sign: ServerSign, now: number, streamsOnly: boolean): TrafficWord {
    if (sign.via === 'provider') this.visitAt = now;
    const word = wordOf(sign, this.#path);
    if (word.word === 'good') {
      this.goodAt = now;
      if (sign.via === 'provider') this.goodVisitAt = now;
      keep(this.#answers, now);
    } else if (word.word === 'bad') {
      keep(this.#failures, { at: now, finding: word.finding, says: word.says });
    } else if (word.word === 'slow' && word.forMs >= TOO_SLOW_MS[streamsOnly ? 'stream' : 'other']) {
      const says = 'no first byte for long';
      // One such call is enough where none may take long.
      for (let i = 0; i < (streamsOnly ? ENOUGH : 1); i++)
        keep(this.#failures, { at: now, finding: 'timeout', says });
    }
    return word;
  }

  /** Undefined while callers are served as well as anybody knows. */
  view(now: number): TrafficView | undefined {
    const failures = this.#failures.filter(({ at }) => now - at < MEMORY_MS);
    const last = failures.at(-1);
    if (last === undefined) return undefined;
    const since = failures.filter(({ at }) => at >= this.goodAt);
    if (since.length >= ENOUGH)
      return { share: 'all', result: resultOf(last, 'no call is answered any more') };
    const recent = failures.filter(({ at }) => now - at < RECENT_MS).length;
    const answered = this.#answers.filter((at) => now - at < RECENT_MS).length;
    if (recent < ENOUGH || recent < answered) return undefined;
    return { share: 'some', result: resultOf(last, 'half of the calls or more fail') };
  }

  /** The server was away: what callers met is of another time. */
  forget(): void {
    this.#failures.length = 0;
    this.#answers.length = 0;
  }
}

function resultOf({ finding, says }: Failure, which: string): ProbeResult {
  return { finding, basis: 'traffic', detail: `${which} (the last got ${says})` };
}

function keep<T>(list: T[], entry: T): void {
  list.push(entry);
  if (list.length > MAX_KEPT) list.shift();
}

const GOOD: TrafficWord = { word: 'good' };
const NOTHING: TrafficWord = { word: 'nothing' };

function wordOf(sign: ServerSign, path: string): TrafficWord {
  const { seen } = sign;
  if (seen.kind === 'unasked') return NOTHING;
  if (seen.kind === 'silence') return sign.call ? { word: 'slow', forMs: seen.forMs } : NOTHING;
  const atEndpoint = sign.path === path;
  if (!sign.call && !atEndpoint) return NOTHING;
  if (seen.kind === 'answer') return wordOfAnswer(sign, seen, atEndpoint);
  return wordOfFailure(seen.reason, seen.protocol);
}

type Answered = Extract<ServerSign['seen'], { kind: 'answer' }>;

function wordOfAnswer(sign: ServerSign, seen: Answered, atEndpoint: boolean): TrafficWord {
  const { status, type, start } = seen;
  const bad = (finding: Finding, says = String(status)): TrafficWord => ({ word: 'bad', finding, says });
  const disconnected = errorIn(start);
  if (isDisconnected(disconnected)) return bad('server-error', disconnected);
  if (status >= 500) return bad('server-error');
  if (start.includes('"jsonrpc"')) return GOOD;
  if (/\bhtml\b/i.test(type))
    return status < 400 ? bad('not-mcp', `${status}, a web page`) : bad(ofStatus(status) ?? 'not-mcp');
  if (status < 300) return isMcpType(sign, type) ? GOOD : NOTHING;
  if (!sign.call) return NOTHING;
  // The end of a session is the caller's to deal with.
  if (status === 404 && (sign.session !== undefined || !atEndpoint)) return NOTHING;
  const finding = ofStatus(status);
  return finding === undefined ? NOTHING : bad(finding);
}

/** Message of a JSON-RPC error; empty where there is none, or a long one. */
function errorIn(start: string): string {
  const at = start.indexOf('"error"');
  return at < 0 ? '' : (/"message" ?: ?"([^"]{1,60})"/.exec(start.slice(at))?.[1] ?? '');
}

function ofStatus(status: number): Finding | undefined {
  if (status === 401 || status === 403 || status === 407) return 'needs-auth';
  if (status === 404 || status === 405) return 'wrong-path';
  if (status === 429) return 'limited';
  return status >= 300 && status < 400 ? 'redirected' : undefined;
}

/** A call is answered in JSON, by events, or with nothing at all (202); a GET is only by events. */
function isMcpType(sign: ServerSign, type: string): boolean {
  if (/^text\/event-stream\b/i.test(type)) return true;
  return sign.call && (type === '' || /\bjson\b/i.test(type) || /^text\/plain\b/i.test(type));
}

/** Ends that are our own doing, or a caller's. */
const OURS: ReadonlySet<string> = new Set(['drained', 'closed', 'idle', 'pool-closed']);

function wordOfFailure(reason: string, protocol: boolean): TrafficWord {
  if (OURS.has(reason)) return NOTHING;
  if (reason === 'first-byte-timeout') return { word: 'bad', finding: 'timeout', says: 'no first byte' };
  return { word: 'bad', finding: LOCAL_FINDINGS[failureKind(reason, protocol)], says: reason };
}
