import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { answerFailure, answerJson, Refusal, readBody } from './answers.ts';
import type { PeerSource } from './client.ts';
import { accepted, assertJson, assertMirrored, header, messagesIn } from './http-request.ts';
import { goneBecause, type HttpSession, type Incoming } from './http-session.ts';
import { ModernCall } from './modern-call.ts';
import { claimedRevision, isModern } from './revisions.ts';
import { isRequest, RPC, type RpcId } from './rpc.ts';
import type { Sessions } from './sessions.ts';
import { SseSession } from './sse-session.ts';

export interface FrontOptions {
  /** Of Streamable HTTP. */
  readonly path: string;
  /** Largest message (bytes). */
  readonly messageBytes: number;
  readonly sessions: Sessions;
  /** Who serves sessions of the revisions up to 2025-11-25. */
  readonly legacy: PeerSource;
  /** Who serves the requests of later ones. */
  readonly modern: PeerSource;
  readonly clock: Clock;
}

/** Of the transport of revision 2024-11-05, which has a path of its own. */
const SSE_PATH = '/sse';
const MESSAGES_PATH = '/messages';
/** A call of revision 2026-07-28 that takes longer is answered by a stream (milliseconds). */
const STREAM_AFTER_MS = 1_000;

/**
 * MCP over HTTP, in front of a server that has no HTTP: Streamable HTTP as of 2025-03-26 to 2025-11-25
 * and as of 2026-07-28, and HTTP+SSE. Who may call was decided by the gateway; nobody else gets here.
 */
export class Front {
  readonly server: Server;
  readonly #options: FrontOptions;
  readonly #streams = new Map<string, SseSession>();

  constructor(options: FrontOptions) {
    this.#options = options;
    this.server = createServer(
      // Answers take as long as the server takes; the gateway keeps its own time-outs.
      { requestTimeout: 0, keepAliveTimeout: 120_000, maxHeaderSize: 131_072, noDelay: true },
      (request, response) => void this.#handle(request, response),
    );
    this.server.maxRequestsPerSocket = 0;
  }

  async close(): Promise<void> {
    for (const session of this.#streams.values()) {
      session.end(new TunneldError('SESSION_ENDED', 'The session was ended: the tunnel was closed'));
    }
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let id: RpcId | null = null;
    try {
      await this.#route(request, response, (known) => {
        id = known;
      });
    } catch (error) {
      if (request.readableEnded || response.destroyed) answerFailure(response, error, id);
      else {
        // The rest of a body that nobody will read.
        response.shouldKeepAlive = false;
        answerFailure(response, error, id);
        request.resume();
      }
    }
  }

  async #route(
    request: IncomingMessage,
    response: ServerResponse,
    knowId: (id: RpcId) => void,
  ): Promise<void> {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const { method } = request;
    if (path === MESSAGES_PATH && method === 'POST') await this.#message(request, response, query);
    else if (method === 'GET' && this.#opensStream(request, path)) await this.#stream(request, response);
    else if (path !== this.#options.path) {
      throw new Refusal(404, RPC.server, `Not Found: this server answers at ${this.#options.path}`);
    } else if (method === 'POST') await this.#post(request, response, knowId);
    else if (method === 'GET') this.#listen(request, response);
    else if (method === 'DELETE') this.#delete(request, response);
    else {
      response.setHeader('allow', 'GET, POST, DELETE');
      if (method === 'OPTIONS') response.writeHead(204).end();
      else throw new Refusal(405, RPC.server, 'Method not allowed');
    }
  }

  async #post(
    request: IncomingMessage,
    response: ServerResponse,
    knowId: (id: RpcId) => void,
  ): Promise<void> {
    const accepts = accepted(request);
    assertJson(request);
    const incoming = messagesIn(await readBody(request, this.#options.messageBytes));
    const [first] = incoming as [Incoming];
    if (incoming.length === 1 && isRequest(first.message)) knowId(first.message.id);
    const version = header(request, 'mcp-protocol-version');
    if (isModern(first.message, version)) {
      await this.#modern(request, response, incoming, accepts);
      return;
    }
    const opens = incoming.find(({ message }) => message.method === 'initialize');
    if (opens !== undefined && incoming.length > 1) {
      throw new Refusal(400, RPC.invalidRequest, 'Invalid Request: initialize stands alone');
    }
    const session = opens === undefined ? this.#sessionOf(request) : await this.#open();
    const primed = (version ?? revisionOf(opens)) >= PRIMED_SINCE;
    const refused = new TunneldError('SESSION_ENDED', 'The server refused the session');
    session.post(incoming, {
      response,
      accepts,
      primed,
      headers: () => ({ 'mcp-session-id': session.id }),
      ...(opens === undefined ? {} : { onRefused: () => this.#options.sessions.end(session, refused) }),
    });
  }

  /** @throws {TunneldError} the server cannot be had */
  async #open(): Promise<HttpSession> {
    const { sessions, legacy } = this.#options;
    const session = sessions.open();
    try {
      session.serve(await legacy.connect(session));
      return session;
    } catch (error) {
      if (error instanceof TunneldError) sessions.end(session, error);
      throw error;
    }
  }

  #listen(request: IncomingMessage, response: ServerResponse): void {
    if (!accepted(request).events) {
      throw new Refusal(406, RPC.server, 'Not Acceptable: Client must accept text/event-stream');
    }
    this.#sessionOf(request).listen(response, header(request, 'last-event-id'));
  }

  #delete(request: IncomingMessage, response: ServerResponse): void {
    const session = this.#sessionOf(request);
    this.#options.sessions.end(
      session,
      new TunneldError('SESSION_ENDED', 'The session was ended by its client'),
    );
    response.writeHead(200, { 'content-length': 0 }).end();
  }

  #sessionOf(request: IncomingMessage): HttpSession {
    const version = header(request, 'mcp-protocol-version');
    if (version !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(version)) {
      throw new Refusal(400, RPC.server, 'Bad Request: Unsupported protocol version');
    }
    const id = header(request, 'mcp-session-id');
    if (id === undefined)
      throw new Refusal(400, RPC.server, 'Bad Request: Mcp-Session-Id header is required');
    const session = this.#options.sessions.find(id);
    if (session instanceof TunneldError) throw goneBecause(session);
    if (session === undefined) throw new Refusal(404, RPC.sessionNotFound, 'Session not found');
    return session;
  }

  async #modern(
    request: IncomingMessage,
    response: ServerResponse,
    incoming: readonly Incoming[],
    accepts: { readonly json: boolean; readonly events: boolean },
  ): Promise<void> {
    const [{ message, text }] = incoming as [Incoming];
    if (incoming.length > 1) throw new Refusal(400, RPC.invalidRequest, 'Invalid Request: no batches');
    assertMirrored(request, message, claimedRevision(message));
    if (!isRequest(message)) {
      response.writeHead(202, { 'content-length': 0 }).end();
      return;
    }
    const { modern, messageBytes, clock } = this.#options;
    const call = new ModernCall(response, message.id, accepts, messageBytes * 2);
    const peer = await modern.connect(call);
    const slow = clock.setTimer(() => call.openStream(), STREAM_AFTER_MS);
    response.once('close', () => {
      slow.cancel();
      // To leave before the answer is to cancel.
      peer.leave();
    });
    if (response.destroyed) peer.leave();
    else peer.send(message, text);
  }

  /** Whether a GET is meant for HTTP+SSE, and not for a session of a bridge that has this path as well. */
  #opensStream(request: IncomingMessage, path: string): boolean {
    if (header(request, 'mcp-session-id') !== undefined || header(request, 'last-event-id') !== undefined)
      return false;
    return path === SSE_PATH;
  }

  async #stream(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!accepted(request).events)
      throw new Refusal(406, RPC.server, 'Not Acceptable: text/event-stream only');
    const id = randomUUID();
    const { legacy, messageBytes } = this.#options;
    const session = new SseSession(id, response, `${MESSAGES_PATH}?sessionId=${id}`, messageBytes * 2);
    this.#streams.set(id, session);
    const over = (why: TunneldError) => {
      this.#streams.delete(id);
      session.end(why);
    };
    response.once('close', () => over(new TunneldError('SESSION_ENDED', 'The client left')));
    try {
      session.serve(await legacy.connect(session));
    } catch (error) {
      over(
        error instanceof TunneldError
          ? error
          : new TunneldError('INTERNAL', 'The session could not be opened'),
      );
      if (!(error instanceof TunneldError)) throw error;
    }
  }

  async #message(request: IncomingMessage, response: ServerResponse, query: string): Promise<void> {
    const incoming = messagesIn(await readBody(request, this.#options.messageBytes));
    const session = this.#streams.get(new URLSearchParams(query).get('sessionId') ?? '');
    if (session === undefined) throw new Refusal(404, RPC.sessionNotFound, 'Session not found');
    session.post(incoming);
    answerJson(response, 202, '{}');
  }
}

/** Clients of older revisions take an event without data for a broken message. */
const PRIMED_SINCE = '2025-11-25';

function revisionOf(opens: Incoming | undefined): string {
  const asked = opens?.message.params?.['protocolVersion'];
  return typeof asked === 'string' ? asked : '';
}
