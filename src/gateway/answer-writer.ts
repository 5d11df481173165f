import { type Exchange, Flow } from '../core/exchange.ts';
import { KEEP_ALIVE_COMMENT } from '../http1/event-stream.ts';
import type { ParsedResponseHead } from '../http1/response-head.ts';
import { answerHead, interimHead } from './answer-head.ts';
import { isRpcError, type OwnAnswer, ownAnswer } from './answers.ts';
import type { CallerLinks } from './caller-links.ts';
import { allowPage } from './cors.ts';
import { EventStreamEditor, isEditable, isEventStream, unbufferedHeaders } from './event-stream-editor.ts';
import type { ExchangeContext } from './exchange-context.ts';
import type { RequestRecord } from './request-record.ts';
import type { RpcInspector } from './rpc-inspector.ts';

/** Writes the answer to the caller: the server's with the changes the gateway makes to it, or one of the gateway's own. */
export class AnswerWriter {
  readonly #gateway: ExchangeContext;
  readonly #exchange: Exchange;
  readonly #record: RequestRecord;
  readonly #nonce: string | undefined;
  /** URLs for the caller; undefined until the request is forwarded. */
  links: CallerLinks | undefined;
  /** Of an event stream whose bytes we may change. */
  #events: EventStreamEditor | undefined;
  #paused = false;

  /** @param nonce of a health probe, which its answer repeats */
  constructor(
    gateway: ExchangeContext,
    exchange: Exchange,
    record: RequestRecord,
    nonce: string | undefined,
  ) {
    this.#gateway = gateway;
    this.#exchange = exchange;
    this.#record = record;
    this.#nonce = nonce;
  }

  /** The caller does not take more now. */
  get paused(): boolean {
    return this.#paused;
  }

  /** It is an event stream into which comments may be put. */
  get isEventStream(): boolean {
    return this.#events !== undefined;
  }

  interim(head: ParsedResponseHead): void {
    this.#exchange.respond(interimHead(head, this.links));
  }

  /** Writes the server's head with the first body bytes; `last`: they are all. Counts no bytes of a `101`. */
  head(head: ParsedResponseHead, first: Buffer | undefined, last: boolean): Flow {
    const { request } = this.#exchange;
    const add = this.#gateway.marker('ok', this.#nonce);
    if (isEventStream(head)) {
      this.#record.sse = true;
      if (isEditable(head)) this.#events = this.#editor(request.method);
      add.push(...unbufferedHeaders(head));
    }
    const edited = answerHead(head, add, request, this.#gateway.policy, this.links);
    if (head.status === 101) return this.#noted(this.#exchange.respond(edited, first));
    const body = first === undefined ? undefined : this.#edited(first, last);
    const flow = this.#noted(this.#exchange.respond(edited, body, last));
    return body === first ? flow : replaced(flow);
  }

  /** Writes body bytes of the server's. */
  body(chunk: Buffer): Flow {
    const body = this.#edited(chunk, false);
    if (body.length === 0) return Flow.consumed;
    const flow = this.#noted(this.#exchange.write(body));
    return body === chunk ? flow : replaced(flow);
  }

  /** Writes bytes of an upgraded connection. */
  raw(chunk: Buffer): Flow {
    this.#record.responseBytes += chunk.length;
    return chunk.length === 0 ? Flow.consumed : this.#noted(this.#exchange.write(chunk));
  }

  /** The server's answer is complete. */
  end(): void {
    const rest = this.#events?.flush();
    if (rest !== undefined && rest.length > 0) this.#exchange.write(rest);
    this.#exchange.end();
  }

  /** The caller takes more again. */
  drained(): void {
    this.#paused = false;
  }

  /** Writes a comment, where that breaks no event. @returns whether it was written */
  keepAlive(): boolean {
    if (this.#paused || this.#events?.atBoundary !== true) return false;
    this.#noted(this.#exchange.write(KEEP_ALIVE_COMMENT));
    return true;
  }

  /** See `EventStreamEditor.isIdle`. */
  isIdleStream({ call }: RpcInspector): boolean {
    if (this.#events === undefined || this.#paused) return false;
    return this.#events.isIdle(this.#exchange.request, call, this.#gateway.acceptedCalls);
  }

  /** Answers in place of the server. */
  own(answer: OwnAnswer, upstream: 'down' | 'n/a', { id }: RpcInspector): void {
    const { request } = this.#exchange;
    const marker = this.#gateway.marker(upstream, this.#nonce);
    allowPage(this.#gateway.policy, request, marker, undefined);
    const { head, body } = ownAnswer(answer, marker, isRpcError(answer, request) ? id : undefined);
    this.#record.status = answer.status;
    this.#record.responseBytes = body.length;
    this.#exchange.respond(head, body, true);
  }

  #editor(method: string): EventStreamEditor {
    const mayBeLegacy = method === 'GET';
    return new EventStreamEditor(mayBeLegacy ? (endpoint) => this.links?.endpoint(endpoint) : undefined);
  }

  /** Counts body bytes and follows events. @returns what to send for the chunk */
  #edited(chunk: Buffer, last: boolean): Buffer {
    const body = this.#events?.pass(chunk, last, this.#gateway.acceptedCalls) ?? chunk;
    this.#record.responseBytes += body.length;
    return body;
  }

  #noted(flow: Flow): Flow {
    if (flow === Flow.paused) this.#paused = true;
    return flow;
  }
}

/** The server's chunk was copied into another: it is free, whatever became of the copy. */
function replaced(flow: Flow): Flow {
  return flow === Flow.paused ? flow : Flow.consumed;
}
