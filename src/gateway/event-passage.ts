import { EventBoundary } from '../http1/event-stream.ts';
import { EndpointRewriter } from './endpoint-rewriter.ts';

/** An event stream on its way to the caller, of bytes that we may change. */
export class EventPassage {
  readonly #boundary = new EventBoundary();
  /** Until the endpoint was named, or will not be. */
  #rewriter: EndpointRewriter | undefined;
  #namesEndpoint = false;

  /** @param lead see `EndpointRewriter`; undefined for a stream that names no endpoint */
  constructor(lead: ((endpoint: string) => string | undefined) | undefined) {
    if (lead === undefined) return;
    this.#rewriter = new EndpointRewriter((endpoint) => {
      this.#namesEndpoint = true;
      return lead(endpoint);
    });
  }

  /** It is the stream of a legacy session, on which calls are answered that came in elsewhere. */
  get namesEndpoint(): boolean {
    return this.#namesEndpoint;
  }

  /** What was sent so far is complete events. */
  get atBoundary(): boolean {
    return this.#boundary.reached;
  }

  /** @returns what to send for it: the chunk itself, or bytes of their own */
  pass(chunk: Buffer, last: boolean): Buffer {
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
}
