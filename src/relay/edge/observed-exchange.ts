import type { BodySink, Exchange, Flow, Peer, RequestHead, ResponseHead } from '../../core/exchange.ts';

/** What became of one visitor's request. */
export interface Visit {
  readonly request: RequestHead;
  readonly peer: Peer;
  /** The tunnel it was for; undefined when the address names none. */
  readonly name: string | undefined;
  /** What the tunnel's gateway is asked for. */
  readonly target: string;
  /** 0 when the visitor was gone before there was an answer. */
  readonly status: number;
  readonly responseBytes: number;
  readonly durationMs: number;
  readonly outcome: 'complete' | 'broken';
  /** Why the relay answered itself. */
  readonly reason: string | undefined;
}

/** An exchange whose end is reported. */
export class ObservedExchange implements Exchange {
  readonly request: RequestHead;
  readonly peer: Peer;
  onClose: ((reason: string) => void) | undefined;
  status = 0;
  responseBytes = 0;
  /** Set by the code that refuses the request. */
  reason: string | undefined;
  readonly #inner: Exchange;
  readonly #done: (outcome: Visit['outcome']) => void;
  #over = false;

  constructor(inner: Exchange, done: (exchange: ObservedExchange, outcome: Visit['outcome']) => void) {
    this.#inner = inner;
    this.request = inner.request;
    this.peer = inner.peer;
    this.#done = (outcome) => {
      if (this.#over) return;
      this.#over = true;
      done(this, outcome);
    };
    inner.onClose = (reason) => {
      this.#done('broken');
      this.onClose?.(reason);
    };
  }

  get onDrain(): (() => void) | undefined {
    return this.#inner.onDrain;
  }

  set onDrain(callback: (() => void) | undefined) {
    this.#inner.onDrain = callback;
  }

  readBody(sink: BodySink): void {
    this.#inner.readBody(sink);
  }

  resumeBody(): void {
    this.#inner.resumeBody();
  }

  respond(head: ResponseHead, first?: Buffer, last = false): Flow {
    this.status = head.status;
    this.responseBytes += first?.length ?? 0;
    const flow = this.#inner.respond(head, first, last);
    if (last) this.#done('complete');
    return flow;
  }

  write(chunk: Buffer): Flow {
    this.responseBytes += chunk.length;
    return this.#inner.write(chunk);
  }

  end(): void {
    this.#inner.end();
    this.#done('complete');
  }

  abort(reason: string): void {
    this.#inner.abort(reason);
    this.#done('broken');
  }
}
