import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../core/clock.ts';
import { answerJson, type Refusal } from './answers.ts';
import type { EventLog } from './event-log.ts';
import { EventStream } from './event-stream.ts';
import { failureText, idKey, type RpcId } from './rpc.ts';

/** A call that took longer than this gets an event stream, which can be kept alive (milliseconds). */
const STREAM_AFTER_MS = 1_000;
/** How soon a client should come back for the rest (milliseconds). */
const RETRY_MS = 1_000;

export interface PostOptions {
  readonly response: ServerResponse;
  /** Of the event log. */
  readonly stream: number;
  readonly ids: readonly RpcId[];
  readonly accepts: { readonly json: boolean; readonly events: boolean };
  /** The client understands an event without data. */
  readonly primed: boolean;
  readonly headers: () => Readonly<Record<string, string>>;
  /** The server answered with an error: of an `initialize`, that there is no session. */
  readonly onRefused?: () => void;
  readonly log: EventLog;
  readonly mostWaiting: number;
  readonly clock: Clock;
}

/**
 * The answer to one POST: plain JSON where the answer is all there is and comes soon, else a stream
 * of events. It outlives its connection: what comes later is kept for a client that asks for it.
 */
export class Post {
  readonly stream: number;
  readonly #options: PostOptions;
  readonly #open: Map<string, RpcId>;
  #out: EventStream | undefined;
  #timer: Timer | undefined;

  constructor(options: PostOptions) {
    const { ids, stream, clock, accepts } = options;
    this.#options = options;
    this.stream = stream;
    this.#open = new Map(ids.map((id) => [idKey(id), id]));
    if (accepts.events) this.#timer = clock.setTimer(() => this.#startStream(), STREAM_AFTER_MS);
  }

  get streams(): boolean {
    return this.#options.accepts.events;
  }

  /** Whether its client waits for it. */
  get connected(): boolean {
    return this.#out?.open ?? !this.#options.response.destroyed;
  }

  /** @returns whether this was the last answer */
  answer(id: RpcId, text: string, refused: boolean): boolean {
    if (!this.#open.delete(idKey(id))) return this.#open.size === 0;
    const { ids, accepts, response, onRefused } = this.#options;
    const headers = refused && onRefused !== undefined ? {} : this.#options.headers();
    const last = this.#open.size === 0;
    if (last) this.#timer?.cancel();
    if (this.#out === undefined && ids.length === 1 && (accepts.json || !accepts.events)) {
      answerJson(response, 200, text, headers);
    } else {
      this.event(text);
      if (last) this.#out?.end();
    }
    if (refused && onRefused !== undefined) queueMicrotask(onRefused);
    return last;
  }

  /** A message that belongs to the call, and does not end it. */
  event(text: string): void {
    const { log } = this.#options;
    if (this.#out === undefined) this.#startStream();
    this.#out?.event(text, { id: log.add(this.stream, text) });
  }

  /** Every call that has no answer yet gets this one. */
  fail(refusal: Refusal): void {
    this.#timer?.cancel();
    const { response } = this.#options;
    if (this.#out === undefined) {
      const [id = null] = this.#open.values();
      answerJson(response, refusal.status, failureText(id, refusal.failure));
    } else {
      for (const id of this.#open.values()) this.event(failureText(id, refusal.failure));
      this.#out.end();
    }
    this.#open.clear();
  }

  /** The client came back for the rest over another connection. */
  continueOn(stream: EventStream): void {
    this.#out = stream;
  }

  #startStream(): void {
    const { response, log, mostWaiting, headers, primed } = this.#options;
    this.#timer?.cancel();
    if (this.#out !== undefined || response.destroyed) return;
    this.#out = new EventStream(response, mostWaiting, headers());
    if (primed) this.#out.prime(log.add(this.stream, ''), RETRY_MS);
  }
}
