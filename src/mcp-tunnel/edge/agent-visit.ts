import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../core/clock.ts';
import { type BodySink, type Exchange, Flow } from '../../core/exchange.ts';
import { Http1Error } from '../../http1/http1-error.ts';
import type { ParsedResponseHead } from '../../http1/response-head.ts';
import { type RelayRefusal, refuse } from '../../relay/edge/relay-answer.ts';
import type { ByteBudget } from '../wire/byte-budget.ts';
import type { AgentMessage, TunnelRequest, TunnelResponse } from '../wire/messages.ts';
import type { AgentLimits } from './agent-limits.ts';
import { answerHead } from './answer-head.ts';
import { PacedAnswer } from './paced-answer.ts';
import {
  answerTooLarge,
  badAnswer,
  DISCONNECTED,
  NO_PATH,
  NO_WEBSOCKETS,
  OVERLOADED,
  requestTooLarge,
  TIMEOUT,
  upstreamError,
} from './refusals.ts';
import { visitorHeaders } from './visitor-headers.ts';

/** From the whole request to the head of its answer. */
const ANSWER_TIMEOUT_MS = 30_000;

export interface VisitContext {
  /** Of the tunnel's public URL. */
  readonly pathPrefix: string;
  readonly clock: Clock;
  readonly limits: AgentLimits;
  readonly budget: ByteBudget;
  ask(request: Omit<TunnelRequest, 'generation'>): void;
  /** The visitor has left. */
  cancel(id: string): void;
  /** Nothing more is expected from the agent. */
  done(id: string): void;
}

/** One visitor's exchange with a client of mcp-tunnel: the request in one message, then the answer. */
export class AgentVisit implements BodySink {
  readonly id = randomUUID();
  readonly #exchange: Exchange;
  readonly #target: string;
  readonly #context: VisitContext;
  readonly #answer: PacedAnswer;
  #body: Buffer[] = [];
  #bodyBytes = 0;
  #timer: Timer | undefined;
  #asked = false;
  #answered = false;
  #over = false;

  /** @param target what the agent is asked for */
  constructor(exchange: Exchange, target: string, context: VisitContext) {
    this.#exchange = exchange;
    this.#target = target;
    this.#context = context;
    this.#answer = new PacedAnswer(exchange, context.budget, context.limits.answerQueueBytes, context.clock);
  }

  start(): void {
    const { framing, upgrade } = this.#exchange.request;
    const most = this.#context.limits.requestBodyBytes;
    this.#exchange.onClose = () => this.#giveUp();
    // The end of a body in front of an upgrade is only told after the answer, which waits for it.
    if (upgrade === 'websocket' || (upgrade !== undefined && framing.kind !== 'none')) {
      this.#refuse(NO_WEBSOCKETS);
    } else if (!this.#target.startsWith('/')) this.#refuse(NO_PATH);
    else if (framing.kind === 'length' && framing.length > most) this.#refuse(requestTooLarge(most));
    else if (framing.kind === 'none') this.#ask();
    else this.#exchange.readBody(this);
  }

  // The request's body.

  data(chunk: Buffer): Flow {
    if (this.#over) return Flow.consumed;
    const { limits, budget } = this.#context;
    if (this.#bodyBytes + chunk.length > limits.requestBodyBytes) {
      this.#refuse(requestTooLarge(limits.requestBodyBytes));
    } else if (!budget.take(chunk.length)) this.#refuse(OVERLOADED);
    else {
      this.#bodyBytes += chunk.length;
      this.#body.push(Buffer.from(chunk));
    }
    return Flow.consumed;
  }

  end(): void {
    if (!this.#over) this.#ask();
  }

  abort(_reason: string): void {
    this.#giveUp();
  }

  // What the agent says.

  take(message: AgentMessage): void {
    switch (message.kind) {
      case 'response':
        this.#takeWhole(message);
        return;
      case 'response_head': {
        const head = this.#checked(() => answerHead(message, this.#exchange.request.method));
        if (head === undefined) return;
        this.#settleTimer();
        this.#answered = true;
        this.#answer.head(head);
        return;
      }
      case 'response_chunk':
        if (!this.#answered) this.#fail(badAnswer('its body came before its head'));
        else if (message.data === undefined) this.#fail(badAnswer('its body is not base64'));
        else this.#takeChunk(message.data, message.last);
        return;
      case 'response_error':
        this.#leave();
        this.#finishBadly(upstreamError(message.message));
        return;
    }
  }

  /** A message of the answer is too long to be read, or there is no room for it now. */
  tooLong(): void {
    this.#fail(answerTooLarge(this.#context.limits.answerBodyBytes));
  }

  /** The link is gone, and what is missing will never come. */
  lost(): void {
    this.#leave();
    this.#finishBadly(DISCONNECTED);
  }

  #ask(): void {
    const { clock, ask, pathPrefix } = this.#context;
    const { request, peer } = this.#exchange;
    const body = Buffer.concat(this.#body);
    this.#dropBody();
    this.#asked = true;
    this.#timer = clock.setTimer(() => this.#fail(TIMEOUT), ANSWER_TIMEOUT_MS);
    ask({
      id: this.id,
      method: request.method,
      path: this.#target,
      headers: visitorHeaders(request, peer, pathPrefix),
      body,
    });
  }

  #takeWhole(message: TunnelResponse): void {
    const { method } = this.#exchange.request;
    const { body } = message;
    const most = this.#context.limits.answerBodyBytes;
    if (body === undefined) this.#fail(badAnswer('its body is not base64'));
    else if (body.length > most) this.#fail(answerTooLarge(most));
    else {
      const head = this.#checked(() => answerHead(message, method, body.length));
      if (head === undefined) return;
      this.#leave();
      const bytes = head.framing.kind === 'none' ? NO_BYTES : body;
      if (!this.#answer.whole(head, bytes)) refuse(this.#exchange, OVERLOADED);
    }
  }

  #takeChunk(data: Buffer, last: boolean): void {
    if (data.length > 0 && !this.#answer.write(data)) {
      this.#cancel();
      this.#abort('slow-reader');
    } else if (last) {
      this.#leave();
      this.#answer.end();
    }
  }

  /** A hostile or broken server behind the agent must not reach the next answer of this connection. */
  #checked(parse: () => ParsedResponseHead): ParsedResponseHead | undefined {
    if (this.#answered) {
      this.#fail(badAnswer('it answered twice'));
      return undefined;
    }
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error;
      this.#fail(badAnswer(error.reason));
      return undefined;
    }
  }

  /** The agent's part is at fault: it need not go on. */
  #fail(refusal: RelayRefusal): void {
    this.#cancel();
    this.#finishBadly(refusal);
  }

  #finishBadly(refusal: RelayRefusal): void {
    if (this.#answered) this.#abort(refusal.reason);
    else refuse(this.#exchange, refusal);
  }

  /** Ends an answer so that the visitor can tell that it is not whole. */
  #abort(reason: string): void {
    const exchange = this.#exchange;
    this.#answer.drop();
    if ('reason' in exchange) exchange.reason = reason;
    exchange.abort(reason);
  }

  /** Before anything was asked. */
  #refuse(refusal: RelayRefusal): void {
    this.#leave();
    refuse(this.#exchange, refusal);
  }

  /** The visitor is gone, or broke its own request: the agent hears it at once. */
  #giveUp(): void {
    this.#answer.drop();
    this.#cancel();
  }

  #cancel(): void {
    if (this.#over) return;
    if (this.#asked) this.#context.cancel(this.id);
    this.#leave();
  }

  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#settleTimer();
    this.#dropBody();
    this.#context.done(this.id);
  }

  #settleTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #dropBody(): void {
    this.#context.budget.give(this.#bodyBytes);
    this.#body = [];
    this.#bodyBytes = 0;
  }
}

const NO_BYTES = Buffer.alloc(0);
