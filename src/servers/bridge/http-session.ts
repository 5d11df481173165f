import type { ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.ts';
import type { TunneldError } from '../../core/errors.ts';
import { Refusal, refusalOf } from './answers.ts';
import type { Client, Peer } from './client.ts';
import { EventLog } from './event-log.ts';
import { EventStream } from './event-stream.ts';
import { Post, type PostOptions } from './post.ts';
import {
  failureText,
  idKey,
  isNotification,
  isRequest,
  isResponse,
  progressTokenOf,
  RPC,
  type RpcId,
  type RpcMessage,
} from './rpc.ts';

/** What waits for a client that has no event stream open. */
const MOST_MISSED = 64;
/** Of the stream that a GET opens, in the event log. */
const STANDALONE = 0;

export interface HttpSessionOptions {
  readonly id: string;
  /** What may wait for a reader (bytes). */
  readonly mostWaiting: number;
  readonly clock: Clock;
  /** The server wrote something that nobody asked for. */
  readonly onStray: () => void;
}

export interface Incoming {
  readonly message: RpcMessage;
  /** The message in one line. */
  readonly text: string;
}

/** One session of Streamable HTTP, of the revisions up to 2025-11-25. */
export class HttpSession implements Client {
  readonly id: string;
  readonly #options: HttpSessionOptions;
  readonly #log = new EventLog();
  readonly #posts = new Map<number, Post>();
  readonly #waiting = new Map<string, Post>();
  /** Calls that want their progress, by its token. */
  readonly #progress = new Map<string, Post>();
  /** Questions of the server that the client has not answered. */
  readonly #asked = new Set<string>();
  #missed: { readonly id: string; readonly text: string }[] = [];
  #standalone: EventStream | undefined;
  #peer: Peer | undefined;
  #streams = STANDALONE;
  #ended: TunneldError | undefined;
  #lastUsed: number;

  constructor(options: HttpSessionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#lastUsed = options.clock.monotonic();
  }

  get ended(): TunneldError | undefined {
    return this.#ended;
  }

  /** Since when nothing of it is open (monotonic milliseconds); undefined while something is. */
  get idleSince(): number | undefined {
    if (this.#standalone?.open === true) return undefined;
    for (const post of this.#posts.values()) if (post.connected) return undefined;
    return this.#lastUsed;
  }

  serve(peer: Peer): void {
    this.#peer = peer;
    if (this.#ended !== undefined) peer.leave();
  }

  /** Takes what a client posted; `response` is answered in the end. @throws {Refusal} */
  post(
    incoming: readonly Incoming[],
    answer: Omit<PostOptions, 'stream' | 'ids' | 'log' | 'mostWaiting' | 'clock'>,
  ): void {
    const peer = this.#livePeer();
    const { mostWaiting, clock } = this.#options;
    if (peer.backlog > mostWaiting)
      throw new Refusal(503, RPC.server, 'The server does not take any more messages');
    this.#lastUsed = clock.monotonic();
    const requests = incoming.map(({ message }) => message).filter(isRequest);
    const ids = requests.map(({ id }) => id);
    if (new Set(ids.map(idKey)).size < ids.length || ids.some((id) => this.#waiting.has(idKey(id)))) {
      throw new Refusal(400, RPC.invalidRequest, 'A request with this id is still unanswered');
    }
    if (ids.length === 0) answer.response.writeHead(202, { 'content-length': 0 }).end();
    else {
      const post = new Post({ ...answer, ids, stream: ++this.#streams, log: this.#log, mostWaiting, clock });
      this.#posts.set(post.stream, post);
      for (const request of requests) {
        this.#waiting.set(idKey(request.id), post);
        const token = progressTokenOf(request);
        if (token !== undefined) this.#progress.set(idKey(token), post);
      }
    }
    for (const { message, text } of incoming) this.#pass(peer, message, text);
  }

  /** Opens the client's event stream, or goes on with one that broke. @throws {Refusal} */
  listen(response: ServerResponse, lastEventId: string | undefined): void {
    this.#livePeer();
    const stream = lastEventId === undefined ? STANDALONE : this.#log.streamOf(lastEventId);
    if (stream === undefined) throw new Refusal(400, RPC.server, 'Last-Event-ID is none of this session');
    const { mostWaiting, clock } = this.#options;
    const out = new EventStream(response, mostWaiting, { 'mcp-session-id': this.id });
    const again = lastEventId === undefined ? this.#missed : this.#log.after(lastEventId);
    for (const { id, text } of again) if (text !== '') out.event(text, { id });
    response.once('close', () => {
      this.#lastUsed = clock.monotonic();
    });
    if (stream === STANDALONE) {
      this.#missed = [];
      // The client's own idea of its connections is newer than ours.
      this.#standalone?.end();
      this.#standalone = out;
      return;
    }
    const post = this.#posts.get(stream);
    if (post === undefined) out.end();
    else post.continueOn(out);
  }

  deliver(message: RpcMessage, text: string): void {
    if (isResponse(message)) this.#answer(message.id, text, message.error !== undefined);
    else if (isRequest(message) || isNotification(message)) {
      if (isRequest(message)) this.#asked.add(idKey(message.id));
      this.#tell(message, text);
    } else this.#options.onStray();
  }

  end(why: TunneldError): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    const refusal = refusalOf(why);
    for (const post of this.#posts.values()) post.fail(refusal);
    this.#posts.clear();
    this.#waiting.clear();
    this.#progress.clear();
    this.#standalone?.end();
    this.#peer?.leave();
  }

  #livePeer(): Peer {
    if (this.#ended !== undefined) throw goneBecause(this.#ended);
    if (this.#peer === undefined) throw new Refusal(400, RPC.server, 'The session is not open yet');
    return this.#peer;
  }

  #pass(peer: Peer, message: RpcMessage, text: string): void {
    // An answer to nothing would be an answer to whatever the server asks next under that id.
    if (isResponse(message) && !this.#asked.delete(idKey(message.id))) return;
    peer.send(message, text);
    if (message.method !== 'notifications/cancelled') return;
    const id = message.params?.['requestId'];
    if (typeof id !== 'string' && typeof id !== 'number') return;
    // The server says nothing more to it, as a rule; the caller's connection must end all the same.
    this.#answer(id, failureText(id, { code: CANCELLED, message: 'The request was cancelled' }), true, false);
  }

  #answer(id: RpcId, text: string, failed: boolean, expected = true): void {
    const post = this.#waiting.get(idKey(id));
    if (post === undefined) {
      if (expected) this.#options.onStray();
      return;
    }
    this.#waiting.delete(idKey(id));
    this.#lastUsed = this.#options.clock.monotonic();
    if (!post.answer(id, text, failed)) return;
    this.#posts.delete(post.stream);
    for (const [token, owner] of this.#progress) if (owner === post) this.#progress.delete(token);
  }

  /** A message that answers nothing: to the call it is about, else where the client listens. */
  #tell(message: RpcMessage, text: string): void {
    const post = this.#postFor(message);
    if (post !== undefined) {
      post.event(text);
      return;
    }
    const id = this.#log.add(STANDALONE, text);
    if (this.#standalone?.open === true) this.#standalone.event(text, { id });
    else if (this.#missed.push({ id, text }) > MOST_MISSED) this.#missed.shift();
  }

  #postFor(message: RpcMessage): Post | undefined {
    const token = message.method === 'notifications/progress' ? message.params?.['progressToken'] : undefined;
    if (typeof token === 'string' || typeof token === 'number') {
      const owner = this.#progress.get(idKey(token));
      if (owner?.streams === true) return owner;
    }
    // A server on stdio does not say what a question is about: with one call open, it is that one.
    const open = [...this.#posts.values()].filter(({ streams }) => streams);
    return open.length === 1 || this.#standalone?.open !== true ? open.at(-1) : undefined;
  }
}

/** What LSP calls it; MCP has no code for it. */
const CANCELLED = -32_800;

/** What a client is told that comes back to a session that is over: it opens another one. */
export function goneBecause(why: TunneldError): Refusal {
  return new Refusal(404, RPC.sessionNotFound, `Session not found: ${why.message}`, {
    tunneld: { reason: 'session-ended', code: why.code },
  });
}
