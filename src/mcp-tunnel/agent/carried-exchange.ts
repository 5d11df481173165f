import type { Clock, Timer } from '../../core/clock.ts';
import {
  type BodySink,
  type Exchange,
  Flow,
  type Peer,
  type RequestHead,
  type ResponseHead,
} from '../../core/exchange.ts';
import type { AnswerWriter } from './answer-writer.ts';
import { type OwnFailure, ownAnswer } from './own-answer.ts';
import type { ReceivedRequest } from './received-request.ts';

/** The relays wait 30 s and then answer in their own words; ours are better, and must be there first. */
const ANSWER_WITHIN_MS = 25_000;

/** A request that an mcp-tunnel relay carried, as the gateway sees it. */
export class CarriedExchange implements Exchange {
  readonly request: RequestHead;
  readonly peer: Peer;
  onDrain: (() => void) | undefined;
  onClose: ((reason: string) => void) | undefined;
  readonly #body: Buffer;
  readonly #writer: AnswerWriter;
  readonly #deadline: Timer;
  #sink: BodySink | undefined;
  #bodyEnded = false;
  #answered = false;
  /** Response bytes still owed by a `Content-Length`; undefined when the head promised none. */
  #left: number | undefined;
  #over = false;

  constructor(received: ReceivedRequest, writer: AnswerWriter, clock: Clock) {
    this.request = received.head;
    this.peer = received.peer;
    this.#body = received.body;
    this.#writer = writer;
    this.#deadline = clock.setTimer(() => this.#fail(TOO_LATE[writer.owes]), ANSWER_WITHIN_MS);
  }

  readBody(sink: BodySink): void {
    if (this.#over) {
      sink.abort('caller-gone');
      return;
    }
    this.#sink = sink;
    // It is all here already.
    const flow = this.#body.length === 0 ? Flow.consumed : sink.data(this.#body);
    if (flow !== Flow.paused) this.resumeBody();
  }

  resumeBody(): void {
    if (this.#over || this.#bodyEnded || this.#sink === undefined) return;
    this.#bodyEnded = true;
    this.#sink.end();
  }

  respond(head: ResponseHead, first?: Buffer, last = false): Flow {
    // There is no message for interim answers, nor for a change of protocol.
    if (this.#over || this.#answered || head.status < 200) return Flow.consumed;
    this.#answered = true;
    const failure = this.#writer.head(head, this.request.method);
    if (failure !== undefined) {
      this.#fail(failure);
      return Flow.consumed;
    }
    if (this.#writer.owes === 'head') this.#deadline.cancel();
    if (head.framing.kind === 'length' && this.request.method !== 'HEAD') this.#left = head.framing.length;
    const flow = first === undefined ? Flow.consumed : this.write(first);
    if (last || this.#left === 0) this.end();
    return flow;
  }

  write(chunk: Buffer): Flow {
    if (this.#over || !this.#answered || chunk.length === 0) return Flow.consumed;
    if (this.#left !== undefined) {
      this.#left -= chunk.length;
      if (this.#left < 0) {
        this.#fail(BROKEN, 'answer-too-long');
        return Flow.consumed;
      }
    }
    const outcome = this.#writer.data(chunk);
    if (typeof outcome === 'number') {
      if (this.#left === 0) this.end();
      return outcome;
    }
    this.#fail(outcome);
    return Flow.consumed;
  }

  end(): void {
    if (this.#over) return;
    if (!this.#answered || (this.#left !== undefined && this.#left > 0)) {
      this.#fail(BROKEN, 'answer-too-short');
      return;
    }
    this.#finish();
    this.#writer.end();
  }

  abort(reason: string): void {
    if (this.#over) return;
    this.#finish();
    this.#failAnswer(BROKEN, reason);
  }

  /** The writer takes bytes again. */
  drained(): void {
    if (!this.#over) this.onDrain?.();
  }

  /** The caller or the link is gone. */
  gone(reason: 'caller-gone' | 'link-lost'): void {
    // An answer that was produced whole may still wait for its turn.
    this.#writer.forget();
    if (!this.#over) this.#close(reason);
  }

  /** The relay cannot carry the answer, or it contradicts its own head: the server's side ends too. */
  #fail(failure: OwnFailure, reason = failure.reason): void {
    if (this.#over) return;
    this.#failAnswer(failure, reason);
    this.#close(reason);
  }

  #failAnswer(failure: OwnFailure, reason: string): void {
    if (!this.#writer.instead(ownAnswer(failure, this.request.method, this.#body)))
      this.#writer.broken(reason);
  }

  #close(reason: string): void {
    this.#finish();
    if (!this.#bodyEnded) this.#sink?.abort(reason);
    this.onClose?.(reason);
  }

  #finish(): void {
    this.#over = true;
    this.#deadline.cancel();
  }
}

const SECONDS = ANSWER_WITHIN_MS / 1_000;

const TOO_LATE: Readonly<Record<AnswerWriter['owes'], OwnFailure>> = {
  head: {
    status: 504,
    reason: 'answer-too-late',
    message: `The server did not begin to answer within ${SECONDS} s, and this relay waits no longer.`,
  },
  everything: {
    status: 504,
    reason: 'answer-too-late',
    message: `The server did not complete its answer within ${SECONDS} s, and this relay waits no longer.`,
  },
};

const BROKEN: OwnFailure = {
  status: 502,
  reason: 'answer-broken',
  message: 'The answer of the server broke off.',
};
