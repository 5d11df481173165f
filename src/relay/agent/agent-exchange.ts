import { type BodySink, type Exchange, Flow, type Peer, type ResponseHead } from '../../core/exchange.ts';
import type { ParsedRequestHead } from '../../http1/request-head.ts';
import { serializeResponseHead } from '../../http1/rewrite.ts';
import { FrameType } from '../link/frame.ts';
import { MAX_HEAD_BYTES, type MuxStream, ResetCode, type StreamReceiver } from '../link/mux-stream.ts';

/** A request that came through the link, as the gateway sees it. */
export class AgentExchange implements Exchange, StreamReceiver {
  readonly request: ParsedRequestHead;
  readonly peer: Peer;
  onDrain: (() => void) | undefined;
  onClose: ((reason: string) => void) | undefined;
  readonly #stream: MuxStream;
  #sink: BodySink | undefined;
  #bodyEnded = false;
  /** Response bytes still owed by a `Content-Length`; undefined when the head promised none. */
  #left: number | undefined;
  #answered = false;
  #over = false;

  constructor(stream: MuxStream, request: ParsedRequestHead, peer: Peer) {
    this.#stream = stream;
    this.request = request;
    this.peer = peer;
    // Until the handler reads it, the body waits within its window.
    stream.hold();
    stream.receiver = this;
  }

  readBody(sink: BodySink): void {
    this.#sink = sink;
    if (this.#stream.gone) {
      if (!this.#over && !this.#bodyEnded) sink.abort('link-lost');
      return;
    }
    this.#stream.resume();
  }

  resumeBody(): void {
    this.#stream.resume();
  }

  respond(head: ResponseHead, first?: Buffer, last = false): Flow {
    if (this.#over || this.#answered) return Flow.consumed;
    const text = serializeResponseHead(head, { requestMethod: this.request.method });
    if (text.length > MAX_HEAD_BYTES) {
      this.#fail('answer-head-too-large');
      return Flow.consumed;
    }
    if (head.status < 200 && head.status !== 101) {
      // Their number has no bound: what the way does not take at once is left out.
      if (this.#stream.waits) return Flow.consumed;
      return this.#stream.sendHead(FrameType.response, text, undefined, false);
    }
    this.#answered = true;
    const bytes = first?.length ?? 0;
    if (head.framing.kind === 'length' && this.request.method !== 'HEAD') {
      this.#left = head.framing.length - bytes;
      if (this.#left < 0 || (last && this.#left > 0)) {
        this.#fail(this.#left < 0 ? 'answer-too-long' : 'answer-too-short');
        return Flow.consumed;
      }
    }
    const complete = last || this.#left === 0;
    if (complete) this.#over = true;
    return this.#stream.sendHead(FrameType.response, text, bytes === 0 ? undefined : first, complete);
  }

  write(chunk: Buffer): Flow {
    if (this.#over || !this.#answered || chunk.length === 0) return Flow.consumed;
    if (this.#left === undefined) return this.#stream.send(chunk);
    this.#left -= chunk.length;
    if (this.#left > 0) return this.#stream.send(chunk);
    if (this.#left < 0) {
      this.#fail('answer-too-long');
      return Flow.consumed;
    }
    // The last byte carries END, instead of a frame of its own.
    this.#over = true;
    return this.#stream.sendLast(chunk);
  }

  end(): void {
    if (this.#over) return;
    if (!this.#answered || (this.#left !== undefined && this.#left > 0)) {
      this.#fail('answer-too-short');
      return;
    }
    this.#over = true;
    this.#stream.end();
  }

  abort(_reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.reset(ResetCode.cancelled);
  }

  // What the stream tells us.

  head(): never {
    // The multiplexer refuses a response on the side that answers.
    throw new Error('a response arrived at the agent');
  }

  bytes(chunk: Buffer): Flow {
    return this.#sink?.data(chunk) ?? Flow.consumed;
  }

  ended(): void {
    this.#bodyEnded = true;
    this.#sink?.end();
  }

  drained(): void {
    if (!this.#over) this.onDrain?.();
  }

  broken(code: number | undefined): void {
    if (this.#over) return;
    this.#over = true;
    // The words the HTTP server uses for the same events.
    const reason = code === undefined ? 'link-lost' : 'caller-gone';
    if (!this.#bodyEnded) this.#sink?.abort(reason);
    this.onClose?.(reason);
  }

  /** The handler's answer contradicts its own head: it must not look complete. */
  #fail(reason: string): void {
    this.#over = true;
    this.#stream.reset(ResetCode.protocol);
    this.onClose?.(reason);
  }
}
