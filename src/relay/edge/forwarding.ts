import { type BodySink, type Exchange, Flow } from '../../core/exchange.ts';
import { withoutFrontOrders } from '../../http1/front-headers.ts';
import { Http1Error } from '../../http1/http1-error.ts';
import { type ParsedResponseHead, parseResponseHead } from '../../http1/response-head.ts';
import { serializeRequestHead } from '../../http1/rewrite.ts';
import { FrameType } from '../link/frame.ts';
import { type MuxStream, ResetCode, type StreamReceiver } from '../link/mux-stream.ts';
import { peerLine } from '../link/peer-line.ts';
import { type RelayRefusal, refuse } from './relay-answer.ts';

/** One visitor's exchange, carried over a stream of a link: request out, answer back. */
export class Forwarding implements BodySink, StreamReceiver {
  readonly #exchange: Exchange;
  readonly #stream: MuxStream;
  /** Dropped once sent: an idle stream should hold next to nothing. */
  #head: string;
  #headSent = false;
  /** Request bytes still to come, when their number is known. */
  #left: number | undefined;
  #answered = false;
  #over = false;

  /** @param target what the gateway is asked for: the visitor's target without the tunnel's name */
  constructor(exchange: Exchange, stream: MuxStream, target: string) {
    this.#exchange = exchange;
    this.#stream = stream;
    this.#head = peerLine(exchange.peer) + serializeRequestHead(exchange.request, { target });
    stream.receiver = this;
  }

  start(): void {
    const exchange = this.#exchange;
    const { framing, upgrade } = exchange.request;
    exchange.onClose = () => this.#giveUp();
    exchange.onDrain = () => this.#stream.resume();
    if (framing.kind === 'none' && upgrade === undefined) {
      this.#sendHead(undefined, true);
      return;
    }
    if (framing.kind === 'length') this.#left = framing.length;
    // What of the body is here already comes at once and travels with the head.
    if (upgrade === undefined) exchange.readBody(this);
    if (!this.#headSent && !this.#over) this.#sendHead(undefined, false);
    if (upgrade !== undefined) exchange.readBody(this);
  }

  // The request's body.

  data(chunk: Buffer): Flow {
    if (this.#left !== undefined) this.#left -= chunk.length;
    const last = this.#left === 0;
    if (!this.#headSent) return this.#sendHead(chunk, last);
    return last ? this.#stream.sendLast(chunk) : this.#stream.send(chunk);
  }

  end(): void {
    if (!this.#headSent) this.#sendHead(undefined, true);
    else this.#stream.end();
  }

  abort(_reason: string): void {
    this.#giveUp();
  }

  // The answer.

  head(text: string, first: Buffer, end: boolean): Flow {
    if (this.#over) return Flow.consumed;
    const head = this.#parse(text);
    if (head === undefined) return Flow.consumed;
    if (head.status < 200 && head.status !== 101) {
      if (end) this.#refuseAnswer('it ended with an interim head');
      else this.#exchange.respond(head);
      return Flow.consumed;
    }
    this.#answered = true;
    if (end) this.#over = true;
    return this.#exchange.respond(head, first.length === 0 ? undefined : first, end);
  }

  bytes(chunk: Buffer): Flow {
    if (this.#over) return Flow.consumed;
    return this.#exchange.write(chunk);
  }

  ended(): void {
    if (this.#over) return;
    this.#over = true;
    this.#exchange.end();
  }

  drained(): void {
    this.#exchange.resumeBody();
  }

  broken(code: number | undefined, detail: string): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#answered) {
      this.#exchange.abort(detail);
    } else if (code === ResetCode.refused) {
      refuse(this.#exchange, TUNNEL_BUSY);
    } else {
      const reason = code === undefined ? 'link-lost' : 'no-answer';
      const message = `The tunnel's agent gave no answer: ${detail}. The request may have been processed.`;
      refuse(this.#exchange, { status: 502, reason, message });
    }
  }

  #sendHead(first: Buffer | undefined, end: boolean): Flow {
    this.#headSent = true;
    const head = this.#head;
    this.#head = '';
    return this.#stream.sendHead(FrameType.request, head, first, end);
  }

  /** A hostile or broken server behind the agent must not reach the next answer of this connection. */
  #parse(text: string): ParsedResponseHead | undefined {
    const { request } = this.#exchange;
    try {
      const head = parseResponseHead(text, request.method);
      if (this.#answered) this.#refuseAnswer('it answered twice');
      else if (head.status === 101 && request.upgrade === undefined) {
        this.#refuseAnswer('it switched protocols unasked');
      } else return withoutFrontOrders(head);
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error;
      this.#refuseAnswer(error.reason);
    }
    return undefined;
  }

  #refuseAnswer(why: string): void {
    this.#over = true;
    this.#stream.reset(ResetCode.protocol);
    if (this.#answered) {
      this.#exchange.abort(why);
      return;
    }
    const message = `The answer from the tunnel is not valid HTTP: ${why}.`;
    refuse(this.#exchange, { status: 502, reason: 'bad-answer', message });
  }

  /** The visitor is gone, or broke its own request: the agent hears it at once. */
  #giveUp(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.reset(ResetCode.cancelled);
  }
}

export const TUNNEL_BUSY: RelayRefusal = {
  status: 503,
  reason: 'tunnel-busy',
  message: 'The tunnel has as many requests in flight as it takes.',
  retryAfterSeconds: 1,
};
