import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { Logger } from '../../core/log.ts';
import { lost, type SessionEnd } from '../../core/session-end.ts';
import { Http1Error } from '../../http1/http1-error.ts';
import { Heartbeat } from '../../relay/link/heartbeat.ts';
import { ByteBudget } from '../wire/byte-budget.ts';
import { CloseCode } from '../wire/close-codes.ts';
import { decodeRelayMessage, type Generation, type TunnelRequest } from '../wire/messages.ts';
import type { TextSocket, TextSocketEnd } from '../wire/text-socket.ts';
import type { AnswerWriter } from './answer-writer.ts';
import { BufferedAnswer } from './buffered-answer.ts';
import { CarriedExchange } from './carried-exchange.ts';
import { ownAnswer } from './own-answer.ts';
import { patienceMs } from './patience.ts';
import { printable } from './printable.ts';
import { publicUrlOf } from './public-url.ts';
import { type ReceivedRequest, receivedRequest } from './received-request.ts';
import { SendTurns } from './send-turns.ts';
import { StreamedAnswer } from './streamed-answer.ts';
import { notesOf } from './traffic-notes.ts';

/** What all the answers that are kept until they are whole may hold together (bytes). */
const BUFFERED_BYTES = 67_108_864;
/** Far beyond what waits while a relay reads slowly: this one asks and does not listen (bytes). */
const MAX_UNREAD_BYTES = 67_108_864;

export interface McpTunnelSessionOptions {
  readonly relayUrl: URL;
  readonly name: string;
  accept(exchange: Exchange): void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A registered link: each request is answered in the generation it came in. */
export class McpTunnelSession {
  readonly publicUrl: URL;
  readonly closed: Promise<SessionEnd>;
  readonly #claimed: URL;
  readonly #wire: TextSocket;
  readonly #options: McpTunnelSessionOptions;
  readonly #exchanges = new Map<string, CarriedExchange>();
  readonly #turns: SendTurns;
  readonly #budget = new ByteBudget(BUFFERED_BYTES);
  readonly #heartbeat: Heartbeat;
  #generation: Generation | undefined;
  #byUs = false;
  /** What the relay is known to have read (bytes). */
  #read: number;
  #settle: (end: SessionEnd) => void = () => {};

  /** @param claimed the public URL as the relay has it */
  constructor(wire: TextSocket, claimed: URL, options: McpTunnelSessionOptions) {
    this.#claimed = claimed;
    this.publicUrl = publicUrlOf(claimed, options.relayUrl);
    this.#wire = wire;
    this.#options = options;
    this.#turns = new SendTurns(wire);
    this.#read = wire.sentBytes;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#heartbeat = new Heartbeat({
      clock: options.clock,
      // Asked however busy the link is: only an answered ping tells what was read.
      spoke: () => false,
      stalledMs: () => wire.stalledMs,
      deadAfterMs: () => patienceMs(wire.sentBytes - this.#read),
      ping: () => wire.ping(String(wire.sentBytes)),
      dead: (why) => wire.destroy(why),
    });
    wire.onHeard = () => this.#heartbeat.heard();
    wire.onPong = (payload) => {
      this.#read = Math.max(this.#read, Math.min(Number(payload) || 0, wire.sentBytes));
    };
    wire.onText = (text) => this.#onText(text);
    wire.onClosed = (end) => this.#onClosed(end);
  }

  get notes(): readonly string[] {
    const relay = this.#options.relayUrl.host;
    const { publicUrl } = this;
    return notesOf({ relay, generation: this.#generation, publicUrl, claimed: this.#claimed });
  }

  async close(): Promise<void> {
    this.#byUs = true;
    this.#wire.close(CLOSE_NORMAL, 'the tunnel was closed');
    await this.closed;
  }

  #onText(text: string): void {
    const message = decodeRelayMessage(text);
    if (message === undefined) return;
    if (message.kind === 'cancel') this.#exchanges.get(message.id)?.gone('caller-gone');
    // Small answers bypass the send queue, so that only this bounds them.
    else if (this.#wire.unsentBytes > MAX_UNREAD_BYTES) this.#wire.destroy('the relay reads no answers');
    // A second request under an id in use could not be told from the first.
    else if (!this.#exchanges.has(message.id)) this.#onRequest(message);
  }

  #onRequest(message: TunnelRequest): void {
    const { accept, clock, log, name } = this.#options;
    if (this.#generation !== message.generation) {
      this.#generation = message.generation;
      log.info({ name, generation: message.generation }, 'the relay shows which generation it speaks');
    }
    let exchange: CarriedExchange | undefined;
    const writer = this.#writer(message, () => exchange?.drained());
    let received: ReceivedRequest;
    try {
      received = receivedRequest(message, this.publicUrl);
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error;
      log.warn({ reason: error.reason }, 'the relay sent a request that is not valid HTTP');
      const failure = { status: error.status, reason: error.reason, message: 'The request is not valid.' };
      writer.instead(ownAnswer(failure, message.method, message.body ?? Buffer.alloc(0)));
      return;
    }
    exchange = new CarriedExchange(received, writer, clock);
    this.#exchanges.set(message.id, exchange);
    try {
      accept(exchange);
    } catch (err) {
      log.error({ err }, 'request handler failed');
      exchange.abort('handler-failed');
    }
  }

  #writer({ id, generation }: TunnelRequest, drained: () => void): AnswerWriter {
    const done = () => void this.#exchanges.delete(id);
    return generation === 'buffered'
      ? new BufferedAnswer(id, this.#wire, this.#turns, this.#budget, done)
      : new StreamedAnswer(id, this.#wire, this.#turns, { drained, done });
  }

  #onClosed(end: TextSocketEnd): void {
    this.#heartbeat.stop();
    for (const exchange of [...this.#exchanges.values()]) exchange.gone('link-lost');
    this.#settle(this.#byUs ? { reason: 'closed-by-us' } : linkEnd(this.#options.name, end));
  }
}

const CLOSE_NORMAL = 1000;

function linkEnd(name: string, { code, reason }: TextSocketEnd): SessionEnd {
  if (code !== CloseCode.evicted) return lost(printable(reason) || `closed with ${code}`);
  const what = `Another agent took over the tunnel ${name}: ${printable(reason)}`;
  return { reason: 'ended', error: new TunneldError('RELAY_SUPERSEDED', what) };
}
