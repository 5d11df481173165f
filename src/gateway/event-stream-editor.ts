import type { RequestHead } from '../core/exchange.ts';
import { EventBoundary } from '../http1/event-stream.ts';
import type { ParsedResponseHead } from '../http1/response-head.ts';
import { EndpointRewriter } from './endpoint-rewriter.ts';
import type { RpcCall } from './rpc-inspector.ts';

/** An event stream on its way to the caller, of bytes that we may change. */
export class EventStreamEditor {
  readonly #boundary = new EventBoundary();
  /** Until the endpoint was named, or will not be. */
  #rewriter: EndpointRewriter | undefined;
  #namesEndpoint = false;
  /** Calls that the server had accepted when the stream's last bytes arrived. */
  #acceptedCalls = 0;

  /** @param lead see `EndpointRewriter`; undefined for a stream that names no endpoint */
  constructor(lead: ((endpoint: string) => string | undefined) | undefined) {
    if (lead === undefined) return;
    this.#rewriter = new EndpointRewriter((endpoint) => {
      this.#namesEndpoint = true;
      return lead(endpoint);
    });
  }

  /** What was sent so far is complete events. */
  get atBoundary(): boolean {
    return this.#boundary.reached;
  }

  /**
   * @param acceptedCalls see `ExchangeContext`
   * @returns what to send for it: the chunk itself, or bytes of their own
   */
  pass(chunk: Buffer, last: boolean, acceptedCalls: number): Buffer {
    this.#acceptedCalls = acceptedCalls;
    let bytes = chunk;
    const rewriter = this.#rewriter;
    if (rewriter !== undefined) {
      bytes = rewriter.push(chunk);
      if (last) bytes = Buffer.concat([bytes, rewriter.flush()]);
      if (rewriter.done) this.#rewriter = undefined;
    }
    this.#boundary.see(bytes);
    return bytes;
  }

  /** The stream ended. @returns what was held back */
  flush(): Buffer | undefined {
    return this.#rewriter?.flush();
  }

  /**
   * Whether the stream is only open for what may come, so that it can be ended: clients open such a stream
   * again. The stream of a legacy session is not idle while a call that was accepted elsewhere has no answer.
   *
   * @param call that opened the stream
   */
  isIdle({ method }: RequestHead, call: RpcCall | undefined, acceptedCalls: number): boolean {
    if (!this.atBoundary) return false;
    if (method !== 'GET') return call?.method === LISTENS;
    return !this.#namesEndpoint || this.#acceptedCalls === acceptedCalls;
  }
}

/** A call whose answer is a stream of events that may come (protocol 2026-07-28). */
const LISTENS = 'subscriptions/listen';

export function isEventStream(head: ParsedResponseHead): boolean {
  return EVENT_STREAM.test(head.get('content-type') ?? '');
}

const EVENT_STREAM = /^text\/event-stream\b/i;

/** Bytes may be put between the events of such a stream, and its endpoint be rewritten. */
export function isEditable(head: ParsedResponseHead): boolean {
  return head.framing.kind === 'stream' && head.get('content-encoding') === undefined;
}

/** Headers that keep proxies from holding an event stream back, name and value alternating. */
export function unbufferedHeaders(head: ParsedResponseHead): string[] {
  const add: string[] = [];
  // nginx, and proxies that follow it, buffer streams without this header.
  if (head.get('x-accel-buffering') === undefined) add.push('X-Accel-Buffering', 'no');
  if (head.get('cache-control') === undefined) add.push('Cache-Control', 'no-cache');
  return add;
}
