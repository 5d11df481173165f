import {
  type BodySink,
  type Exchange,
  Flow,
  type RequestHead,
  type ResponseHead,
} from '../../core/exchange.ts';
import { type RelayRefusal, refuse } from './relay-answer.ts';

/** Longest bodies that pass (bytes); 0 or absent is no limit. Upgraded connections have no bodies. */
export interface BodyLimits {
  readonly maxRequestBodyBytes?: number;
  readonly maxResponseBodyBytes?: number;
}

/** The refusal of a request whose `Content-Length` is above the limit; it is not passed on. */
export function declaredTooLarge(request: RequestHead, limits: BodyLimits): RelayRefusal | undefined {
  const most = limits.maxRequestBodyBytes || Number.POSITIVE_INFINITY;
  const { framing } = request;
  return framing.kind === 'length' && framing.length > most ? requestTooLarge(most) : undefined;
}

/** The exchange for the link that carries it: it ends where a body exceeds its limit. */
export function limitBodies(exchange: Exchange, limits: BodyLimits): Exchange {
  const request = limits.maxRequestBodyBytes || Number.POSITIVE_INFINITY;
  const response = limits.maxResponseBodyBytes || Number.POSITIVE_INFINITY;
  const unlimited = request === Number.POSITIVE_INFINITY && response === Number.POSITIVE_INFINITY;
  return unlimited ? exchange : new LimitedExchange(exchange, request, response);
}

class LimitedExchange implements Exchange {
  onClose: ((reason: string) => void) | undefined;
  readonly #inner: Exchange;
  readonly #mostRequest: number;
  readonly #mostResponse: number;
  #requestBytes = 0;
  #responseBytes = 0;
  #sink: BodySink | undefined;
  #answered = false;
  #upgraded = false;
  #over = false;

  constructor(inner: Exchange, mostRequest: number, mostResponse: number) {
    this.#inner = inner;
    this.#mostRequest = mostRequest;
    this.#mostResponse = mostResponse;
    inner.onClose = (reason) => {
      if (!this.#over) this.onClose?.(reason);
    };
  }

  get request() {
    return this.#inner.request;
  }

  get peer() {
    return this.#inner.peer;
  }

  get onDrain(): (() => void) | undefined {
    return this.#inner.onDrain;
  }

  set onDrain(callback: (() => void) | undefined) {
    this.#inner.onDrain = callback;
  }

  /** See `refuse`. */
  get reason(): string | undefined {
    return undefined;
  }

  set reason(reason: string | undefined) {
    note(this.#inner, reason);
  }

  readBody(sink: BodySink): void {
    this.#sink = sink;
    this.#inner.readBody({
      data: (chunk) => this.#requestData(chunk, sink),
      end: () => {
        if (!this.#over) sink.end();
      },
      abort: (reason) => {
        if (!this.#over) sink.abort(reason);
      },
    });
  }

  resumeBody(): void {
    this.#inner.resumeBody();
  }

  respond(head: ResponseHead, first?: Buffer, last = false): Flow {
    if (this.#over) return Flow.consumed;
    if (head.status === 101) this.#upgraded = true;
    else if (head.status >= 200) {
      this.#responseBytes = first?.length ?? 0;
      const announced =
        head.framing.kind === 'length' && this.request.method !== 'HEAD' ? head.framing.length : 0;
      if (Math.max(announced, this.#responseBytes) > this.#mostResponse) {
        this.#stop(answerTooLarge(this.#mostResponse));
        return Flow.consumed;
      }
      this.#answered = true;
    }
    return this.#inner.respond(head, first, last);
  }

  write(chunk: Buffer): Flow {
    if (this.#over) return Flow.consumed;
    this.#responseBytes += chunk.length;
    if (!this.#upgraded && this.#responseBytes > this.#mostResponse) {
      this.#stop(answerTooLarge(this.#mostResponse));
      return Flow.consumed;
    }
    return this.#inner.write(chunk);
  }

  end(): void {
    if (!this.#over) this.#inner.end();
  }

  abort(reason: string): void {
    if (!this.#over) this.#inner.abort(reason);
  }

  #requestData(chunk: Buffer, sink: BodySink): Flow {
    if (this.#over) return Flow.consumed;
    this.#requestBytes += chunk.length;
    if (this.#upgraded || this.#requestBytes <= this.#mostRequest) return sink.data(chunk);
    this.#stop(requestTooLarge(this.#mostRequest));
    return Flow.consumed;
  }

  /** The carrier hears that the visitor is gone; the visitor hears why, if that can still be said. */
  #stop(refusal: RelayRefusal): void {
    this.#over = true;
    if (this.onClose !== undefined) this.onClose(refusal.reason);
    else this.#sink?.abort(refusal.reason);
    if (!this.#answered) {
      refuse(this.#inner, refusal);
      return;
    }
    note(this.#inner, refusal.reason);
    this.#inner.abort(refusal.reason);
  }
}

function note(exchange: Exchange, reason: string | undefined): void {
  if ('reason' in exchange) exchange.reason = reason;
}

function requestTooLarge(most: number): RelayRefusal {
  return {
    status: 413,
    reason: 'request-too-large',
    message: `This relay carries request bodies of at most ${most} bytes.`,
  };
}

function answerTooLarge(most: number): RelayRefusal {
  return {
    status: 502,
    reason: 'answer-too-large',
    message: `The answer is longer than the ${most} bytes this relay carries.`,
  };
}
