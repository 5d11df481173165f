import { loggedPath } from '../access/logged-path.ts';
import { isJsonPost } from '../access/refusal-text.ts';
import type { Peer, RequestHead } from '../core/exchange.ts';
import type { SeenOfServer, ServerSign } from '../core/server-sign.ts';
import type { ParsedResponseHead } from '../http1/response-head.ts';
import { isEventStream } from './event-stream-editor.ts';
import type { ExchangeContext } from './exchange-context.ts';

/** How much of an answer's body is looked at (bytes). */
const MAX_START = 2_048;

/** Silence that is worth a look at the server, and silence that is worth a word (milliseconds). */
const SILENCES_MS = [5_000, 30_000];

/** A caller that left after this much silence gave up; before, it may have changed its mind (milliseconds). */
const GAVE_UP_MS = 1_000;

/**
 * Tells of one exchange what it shows of the server: once about the answer, as soon as its beginning
 * is here, and before that about each long silence.
 */
export class AnswerWatch {
  readonly #request: RequestHead;
  readonly #via: Peer['via'];
  readonly #tell: (sign: ServerSign) => void;
  readonly #session: string | undefined;
  #target: string;
  #head: ParsedResponseHead | undefined;
  #opened: string | undefined;
  #told = false;
  /** The beginning of the body was seen. */
  #begun = false;
  #silences = 0;

  /** @param session label of the session that the request names */
  constructor(
    request: RequestHead,
    via: Peer['via'],
    session: string | undefined,
    tell: (sign: ServerSign) => void,
  ) {
    this.#request = request;
    this.#via = via;
    this.#tell = tell;
    this.#session = session;
    this.#target = request.target;
  }

  /** @param target what the server is asked for, without a secret path */
  asked(target: string): void {
    this.#target = target;
  }

  #rpc: string | undefined;

  /**
   * @param opened label of the session that the answer names
   * @param first body bytes that came with the head; `last`: they are all
   * @param rpc method of the call
   */
  head(
    head: ParsedResponseHead,
    opened: string | undefined,
    first: Buffer | undefined,
    last: boolean,
    rpc: string | undefined,
  ): void {
    this.#head = head;
    this.#opened = opened;
    this.#rpc = rpc;
    // An event stream may have nothing to say for hours; that it is open is the answer.
    if (first === undefined && head.status < 300 && isEventStream(head)) this.#answered(undefined);
    this.body(first, last);
  }

  /** More of the answer's body; `last` when there is no more. */
  body(chunk: Buffer | undefined, last: boolean): void {
    if (this.#begun || this.#head === undefined || (chunk === undefined && !last)) return;
    this.#begun = true;
    this.#answered(chunk);
  }

  failed(reason: string, protocol: boolean): void {
    this.#once({ kind: 'failure', reason, protocol });
  }

  /** @param failure why the server gave no answer, or half of one; undefined where it is not to blame */
  over(failure: string | undefined): void {
    // An answer without a body, or the gateway answered by itself, or the caller left before there was one.
    if (failure !== undefined) this.failed(failure, false);
    else if (this.#head !== undefined) this.body(undefined, true);
    this.#once({ kind: 'unasked' });
  }

  silent(forMs: number): void {
    const next = SILENCES_MS[this.#silences];
    if (this.#told || next === undefined || forMs < next) return;
    this.#silences++;
    this.#say({ kind: 'silence', forMs });
  }

  /** The caller left before the first byte came. A server that hangs shows in nothing else to impatient callers. */
  abandoned(silentMs: number): void {
    if (!this.#told && this.#silences === 0 && silentMs >= GAVE_UP_MS)
      this.#say({ kind: 'silence', forMs: silentMs });
  }

  #answered(chunk: Buffer | undefined): void {
    const head = this.#head;
    if (head === undefined) return;
    this.#told = true;
    const start = chunk?.toString('latin1', 0, MAX_START) ?? '';
    this.#say({ kind: 'answer', status: head.status, type: head.get('content-type') ?? '', start });
  }

  #once(seen: SeenOfServer): void {
    if (this.#told) return;
    this.#told = true;
    this.#say(seen);
  }

  #say(seen: SeenOfServer): void {
    const { method } = this.#request;
    this.#tell({
      via: this.#via,
      method,
      path: loggedPath(this.#target),
      call: isJsonPost(this.#request),
      seen,
      ...(this.#rpc !== undefined && { rpc: this.#rpc }),
      ...(this.#session !== undefined && { session: this.#session }),
      ...(this.#opened !== undefined && { opened: this.#opened }),
    });
  }
}

/** Undefined where there is no listener. */
export function watchOf(
  { options }: ExchangeContext,
  request: RequestHead,
  peer: Peer,
  session: string | undefined,
): AnswerWatch | undefined {
  const { onSign } = options;
  return onSign === undefined ? undefined : new AnswerWatch(request, peer.via, session, onSign);
}
