import { randomUUID } from 'node:crypto';
import type { TunneldError } from '../../core/errors.ts';
import type { Channel } from './channel.ts';
import { LOG_LEVELS, logLevel, type Member } from './member.ts';
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
  type RpcRequest,
  type RpcResponse,
} from './rpc.ts';

/** A call of a member that the server has not answered. */
interface Call {
  readonly member: Member;
  readonly id: RpcId;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>> | undefined;
}

/** A question of the server that a member has not answered. */
interface Question {
  readonly member: Member;
  readonly id: RpcId;
}

/**
 * Many clients on one channel. Every id and progress token that one of them chose is another one on
 * the channel, and every id of the server is another one towards the clients; each names the epoch of
 * the channel. So no answer can reach a client that did not ask, nor a question one that is too late.
 */
export class Multiplexer {
  readonly epoch = randomUUID().slice(0, 8);
  readonly #channel: Channel;
  readonly #members = new Set<Member>();
  readonly #calls = new Map<string, Call>();
  /** Progress tokens are the ids of the calls. */
  readonly #questions = new Map<string, Question>();
  readonly #onStray: () => void;
  #count = 0;

  constructor(channel: Channel, onStray: () => void) {
    this.#channel = channel;
    this.#onStray = onStray;
  }

  get channel(): Channel {
    return this.#channel;
  }

  /** Calls under way, and subscriptions: while there are some, the server is in use. */
  get inUse(): boolean {
    if (this.#calls.size > 0) return true;
    for (const member of this.#members) if (member.subscriptions.size > 0) return true;
    return false;
  }

  join(member: Member): void {
    this.#members.add(member);
  }

  /** Takes back what it asked, and answers nothing in its place but what the server waits for. */
  leave(member: Member): void {
    if (!this.#members.delete(member)) return;
    for (const [id, call] of this.#calls) {
      if (call.member !== member) continue;
      this.#calls.delete(id);
      this.#write({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
    }
    for (const [id, question] of this.#questions) {
      if (question.member === member) this.#refuse(question.id, 'The client left');
      if (question.member === member) this.#questions.delete(id);
    }
    for (const uri of member.subscriptions) this.#unsubscribe(member, uri);
  }

  /** Passes on what a member says. */
  send(member: Member, message: RpcMessage, text: string): void {
    if (isRequest(message)) this.#call(member, message);
    else if (isResponse(message)) this.#answered(member, message);
    else if (isNotification(message)) this.#notify(member, message, text);
  }

  /** Takes what the server says. */
  received(message: RpcMessage, text: string): void {
    if (isResponse(message)) this.#deliverAnswer(message);
    else if (isRequest(message)) this.#ask(message);
    else if (isNotification(message)) this.#tell(message, text);
    else this.#onStray();
  }

  /** The channel is gone: everybody on it is told. */
  end(why: TunneldError): void {
    const members = [...this.#members];
    this.#members.clear();
    this.#calls.clear();
    this.#questions.clear();
    for (const member of members) member.end(why);
  }

  #call(member: Member, request: RpcRequest): void {
    const { id, method, params } = request;
    if (method === 'resources/unsubscribe' && this.#stillWanted(member, params)) {
      member.deliver({ jsonrpc: '2.0', id, result: {} });
      return;
    }
    const own = this.#nextId();
    this.#calls.set(own, { member, id, method, params });
    const sent = method === 'logging/setLevel' ? this.#widest(member, params) : params;
    this.#write({
      ...request,
      id: own,
      ...(sent === undefined ? {} : { params: withProgressToken(request, sent, own) }),
    });
  }

  /** The answer of a member to a question of the server. */
  #answered(member: Member, response: RpcResponse): void {
    const question = this.#questions.get(String(response.id));
    if (question?.member !== member) return;
    this.#questions.delete(String(response.id));
    this.#write({ ...response, id: question.id });
  }

  #notify(member: Member, message: RpcMessage, text: string): void {
    // The server was told once, by whoever started it.
    if (message.method === 'notifications/initialized') return;
    if (message.method !== 'notifications/cancelled') {
      this.#channel.send(text);
      return;
    }
    const wanted = message.params?.['requestId'];
    for (const [own, call] of this.#calls) {
      if (call.member !== member || idKeyOf(wanted) !== idKey(call.id)) continue;
      this.#calls.delete(own);
      this.#write({ ...message, params: { ...message.params, requestId: own } });
      return;
    }
  }

  #deliverAnswer(response: RpcResponse): void {
    const call = this.#calls.get(String(response.id));
    if (call === undefined) {
      this.#onStray();
      return;
    }
    this.#calls.delete(String(response.id));
    if (response.error === undefined) this.#noteSuccess(call);
    call.member.deliver({ ...response, id: call.id });
  }

  /** A question of the server: for the one client it can be meant for, or for nobody. */
  #ask(request: RpcRequest): void {
    if (request.method === 'ping') {
      this.#write({ jsonrpc: '2.0', id: request.id, result: {} });
      return;
    }
    // What only clients ask, under the id that we gave it, is our own message: `cat` and its like are no server.
    if (this.#calls.get(String(request.id))?.method === request.method) {
      const error = { code: RPC.server, message: 'the program sends back what it is sent' };
      this.#deliverAnswer({ jsonrpc: '2.0', id: request.id, error });
      return;
    }
    const { member, why } = this.#meantBy(request.method);
    if (member === undefined) {
      this.#refuse(request.id, `${why} (the server is shared: process: per-session gives each its own)`);
      return;
    }
    const own = this.#nextId();
    this.#questions.set(own, { member, id: request.id });
    member.deliver({ ...request, id: own });
  }

  /** A server on stdio does not say on whose behalf it asks: it is certain with one caller only. */
  #meantBy(method: string): { readonly member?: Member; readonly why: string } {
    const calling = new Set([...this.#calls.values()].map(({ member }) => member));
    const [member, ...others] =
      calling.size > 0 ? calling : [...this.#members].filter((one) => one.can(method));
    if (others.length > 0) return { why: 'Several clients are being served' };
    return member?.can(method) === true ? { member, why: '' } : { why: 'No client can answer this' };
  }

  #tell(message: RpcMessage, text: string): void {
    const { method, params } = message;
    if (method === 'notifications/progress') {
      const call = this.#calls.get(String(params?.['progressToken']));
      const token = call === undefined ? undefined : progressTokenOf({ jsonrpc: '2.0', ...paramsOf(call) });
      if (call !== undefined && token !== undefined) {
        call.member.deliver({ ...message, params: { ...params, progressToken: token } });
      }
      return;
    }
    if (method === 'notifications/cancelled') {
      for (const [own, { member, id }] of this.#questions) {
        if (idKeyOf(params?.['requestId']) !== idKey(id)) continue;
        this.#questions.delete(own);
        member.deliver({ ...message, params: { ...params, requestId: own } });
      }
      return;
    }
    const listen = subscriptionOf(message);
    if (listen !== undefined) {
      const call = this.#calls.get(listen);
      call?.member.deliver(withSubscription(message, call.id));
      return;
    }
    for (const member of this.#members) if (member.wants(message)) member.deliver(message, text);
  }

  #noteSuccess({ member, method, params }: Call): void {
    const uri = params?.['uri'];
    if (method === 'resources/subscribe' && typeof uri === 'string') member.subscriptions.add(uri);
    if (method === 'resources/unsubscribe' && typeof uri === 'string') member.subscriptions.delete(uri);
  }

  /** Another member is subscribed to it as well: the server must go on. */
  #stillWanted(member: Member, params: RpcMessage['params']): boolean {
    const uri = String(params?.['uri']);
    for (const other of this.#members) {
      if (other === member || !other.subscriptions.has(uri)) continue;
      member.subscriptions.delete(uri);
      return true;
    }
    return false;
  }

  #unsubscribe(member: Member, uri: string): void {
    if (this.#stillWanted(member, { uri })) return;
    // Nobody is left to whom the answer would be of use.
    this.#write({ jsonrpc: '2.0', id: this.#nextId(), method: 'resources/unsubscribe', params: { uri } });
  }

  /** The server logs what any of them wants; each gets what it asked for. */
  #widest(member: Member, params: RpcMessage['params']): Readonly<Record<string, unknown>> {
    member.level = logLevel(params?.['level']) ?? member.level;
    const levels = [...this.#members].map(({ level }) => level).filter((level) => level !== undefined);
    const lowest = LOG_LEVELS[Math.min(...levels)];
    return lowest === undefined ? { ...params } : { ...params, level: lowest };
  }

  #refuse(id: RpcId, message: string): void {
    this.#channel.send(failureText(id, { code: RPC.methodNotFound, message }));
  }

  #write(message: RpcMessage): void {
    this.#channel.send(JSON.stringify(message));
  }

  #nextId(): string {
    return `${this.epoch}.${++this.#count}`;
  }
}

function withProgressToken(
  request: RpcRequest,
  params: Readonly<Record<string, unknown>>,
  token: string,
): Readonly<Record<string, unknown>> {
  if (progressTokenOf(request) === undefined) return params;
  return { ...params, _meta: { ...(params['_meta'] as object), progressToken: token } };
}

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

/** The call that a notification of revision 2026-07-28 belongs to. */
function subscriptionOf({ params }: RpcMessage): string | undefined {
  const meta = params?.['_meta'] as Readonly<Record<string, unknown>> | undefined;
  const id = meta?.[SUBSCRIPTION];
  return id === undefined ? undefined : String(id);
}

function withSubscription(message: RpcMessage, id: RpcId): RpcMessage {
  const meta = { ...(message.params?.['_meta'] as object), [SUBSCRIPTION]: id };
  return { ...message, params: { ...message.params, _meta: meta } };
}

function paramsOf({ params }: Call): Pick<RpcMessage, 'params'> {
  return params === undefined ? {} : { params };
}

function idKeyOf(id: unknown): string | undefined {
  return typeof id === 'string' || typeof id === 'number' ? idKey(id) : undefined;
}
