import { Flow, type ResponseHead } from '../../core/exchange.ts';
import type { ByteBudget } from '../wire/byte-budget.ts';
import { headerMapOf } from '../wire/header-map.ts';
import { encodeTunnelResponse, type HeaderMap } from '../wire/messages.ts';
import type { TextSocket } from '../wire/text-socket.ts';
import type { AnswerWriter } from './answer-writer.ts';
import type { OwnAnswer, OwnFailure } from './own-answer.ts';
import type { Sender, SendTurns } from './send-turns.ts';

/** What a relay of this generation takes unless its operator says otherwise (body bytes). */
const MAX_ANSWER_BYTES = 10_485_760;

/** The first generation's answer: kept until it is whole, then sent in one message. */
export class BufferedAnswer implements AnswerWriter, Sender {
  readonly owes = 'everything';
  readonly #id: string;
  readonly #wire: TextSocket;
  readonly #turns: SendTurns;
  readonly #budget: ByteBudget;
  readonly #done: () => void;
  #status = 0;
  #headers: HeaderMap = new Map();
  #parts: Buffer[] = [];
  #bytes = 0;
  #over = false;

  /** @param done called once, when nothing more will be sent */
  constructor(id: string, wire: TextSocket, turns: SendTurns, budget: ByteBudget, done: () => void) {
    this.#id = id;
    this.#wire = wire;
    this.#turns = turns;
    this.#budget = budget;
    this.#done = done;
  }

  head({ status, lines, framing }: ResponseHead, requestMethod: string): OwnFailure | undefined {
    this.#status = status;
    this.#headers = headerMapOf(lines);
    const type = this.#headers.get('content-type') ?? '';
    // It would never be whole. To an MCP client this says that the server has no such stream.
    if (requestMethod === 'GET' && /^text\/event-stream\b/i.test(type)) return this.#refused(NO_STREAM);
    const announced = framing.kind === 'length' && requestMethod !== 'HEAD' ? framing.length : 0;
    return announced > MAX_ANSWER_BYTES ? this.#refused(TOO_LARGE) : undefined;
  }

  data(chunk: Buffer): OwnFailure | Flow {
    if (this.#over) return Flow.consumed;
    if (this.#bytes + chunk.length > MAX_ANSWER_BYTES) return this.#refused(TOO_LARGE);
    if (!this.#budget.take(chunk.length)) return this.#refused(NO_ROOM);
    this.#bytes += chunk.length;
    this.#parts.push(Buffer.from(chunk));
    return Flow.consumed;
  }

  end(): void {
    if (this.#over) return;
    if (this.#turns.free) this.turn();
    else this.#turns.wait(this);
  }

  instead({ status, headers, body }: OwnAnswer): boolean {
    if (this.#over) return false;
    this.forget();
    this.#wire.send(encodeTunnelResponse({ id: this.#id, status, headers, body }));
    return true;
  }

  broken(): void {
    this.forget();
  }

  forget(): void {
    if (this.#over) return;
    this.#over = true;
    this.#turns.leave(this);
    this.#budget.give(this.#bytes);
    this.#parts = [];
    this.#bytes = 0;
    this.#done();
  }

  turn(): boolean {
    if (this.#over) return false;
    const body = Buffer.concat(this.#parts);
    const answer = { id: this.#id, status: this.#status, headers: this.#headers, body };
    this.forget();
    this.#wire.send(encodeTunnelResponse(answer));
    return false;
  }

  #refused(failure: OwnFailure): OwnFailure {
    return { ...failure, instead: this.#headers };
  }
}

const TOO_LARGE: OwnFailure = {
  status: 502,
  reason: 'answer-too-large',
  message: `The answer is larger than the ${MAX_ANSWER_BYTES / 1_048_576} MiB that this relay carries.`,
};

const NO_ROOM: OwnFailure = {
  status: 503,
  reason: 'answers-too-large',
  message: 'Too many large answers at once: this relay needs each of them kept whole.',
};

const NO_STREAM: OwnFailure = {
  status: 405,
  reason: 'no-stream',
  message: 'This relay carries no event streams that stay open, only whole answers.',
};
