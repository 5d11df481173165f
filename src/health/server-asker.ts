import type { Clock } from '../core/clock.ts';
import { Flow } from '../core/exchange.ts';
import { parseRequestHead } from '../http1/request-head.ts';
import type { ParsedResponseHead } from '../http1/response-head.ts';
import type { UpstreamFailure, UpstreamReceiver } from '../http1/upstream-exchange.ts';
import { UpstreamPool, type UpstreamPoolOptions } from '../http1/upstream-pool.ts';
import { AnswerReader, type Read } from './answer-reader.ts';
import type { Answer, Question } from './question.ts';

/** Where the server listens. */
export type ServerPlace = Pick<
  UpstreamPoolOptions,
  'protocol' | 'host' | 'otherHost' | 'port' | 'socketPath'
>;

/** No answer: what the data plane's own client says of it. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly failure: UpstreamFailure;

  constructor(failure: UpstreamFailure) {
    super(`No answer: ${failure.reason}`);
    this.failure = failure;
  }
}

/**
 * Asks the server through the client that carries the traffic: what that one cannot read, callers do
 * not get either. Rejects with `NoAnswer`, or the signal's reason.
 */
export function askServer(
  question: Question,
  place: ServerPlace,
  signal: AbortSignal,
  clock: Clock,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const { method, body } = question;
    const pool = new UpstreamPool({ ...place, clock });
    const onAbort = () => over(() => reject(signal.reason));
    const over = (settle: () => void) => {
      signal.removeEventListener('abort', onAbort);
      settle();
      pool.close();
    };
    const receiver = new Receiver(question, clock, {
      answered: (answer) => over(() => resolve(answer)),
      failed: (failure) => over(() => reject(new NoAnswer(failure))),
    });
    const text = headText(question);
    const exchange = pool.request(parseRequestHead(text), text, receiver);
    receiver.cut = () => exchange.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (body !== undefined && method === 'POST') exchange.write(Buffer.from(body));
    exchange.end();
  });
}

function headText({ url, method, headers, body }: Question): string {
  const lines = Object.entries(headers).map(([name, value]) => `\r\n${name}: ${value}`);
  const length = body === undefined ? '' : `\r\ncontent-length: ${Buffer.byteLength(body)}`;
  return `${method} ${url.pathname}${url.search} HTTP/1.1${lines.join('')}\r\nconnection: close${length}`;
}

interface Outcome {
  answered(answer: Answer): void;
  failed(failure: UpstreamFailure): void;
}

class Receiver implements UpstreamReceiver {
  readonly #question: Question;
  readonly #clock: Clock;
  readonly #outcome: Outcome;
  readonly #startedAt: number;
  #head: ParsedResponseHead | undefined;
  #reader: AnswerReader | undefined;
  #over = false;
  /** Ends the exchange, once we know enough. */
  cut: () => void = () => {};

  constructor(question: Question, clock: Clock, outcome: Outcome) {
    this.#question = question;
    this.#clock = clock;
    this.#outcome = outcome;
    this.#startedAt = clock.monotonic();
  }

  interim(): void {}

  drain(): void {}

  response(head: ParsedResponseHead, first: Buffer | undefined, last: boolean): Flow {
    this.#head = head;
    const { awaits } = this.#question;
    this.#reader = new AnswerReader(awaits, head.get('content-type') ?? '');
    if (awaits === 'head') this.#answered({ text: '' });
    if (first !== undefined) this.responseData(first);
    if (last) this.responseEnd();
    return Flow.consumed;
  }

  responseData(chunk: Buffer): Flow {
    const read = this.#over ? undefined : this.#reader?.push(chunk);
    if (read !== undefined) this.#answered(read);
    return Flow.consumed;
  }

  responseEnd(): void {
    if (!this.#over) this.#answered(this.#reader?.end() ?? { text: '' });
  }

  failed(failure: UpstreamFailure): void {
    if (this.#over) return;
    if (this.#head !== undefined) {
      this.#answered({ text: '', cut: failure.reason });
      return;
    }
    this.#over = true;
    this.#outcome.failed(failure);
  }

  #answered(read: Read & Pick<Answer, 'cut'>): void {
    const head = this.#head;
    if (this.#over || head === undefined) return;
    this.#over = true;
    this.#outcome.answered({
      status: head.status,
      header: (name) => head.get(name),
      latencyMs: this.#clock.monotonic() - this.#startedAt,
      ...read,
    });
    this.cut();
  }
}
