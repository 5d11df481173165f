import type { Flow } from '../core/exchange.ts';

/**
 * Takes a body out of the bytes of a connection. Bytes may be split anywhere.
 *
 * `read` hands on what it can and returns the offset it got to: less than the chunk's length only
 * when the body is complete (`done`) or the receiver asked to wait (`flow` is `paused`).
 */
export interface BodyDecoder {
  readonly done: boolean;
  /** What the receiver said of the bytes of the last `read`; `consumed` allows reuse of the chunk. */
  readonly flow: Flow;
  /** @throws {Http1Error} broken framing; nothing may be read any more */
  read(chunk: Buffer, offset: number, receive: (part: Buffer) => Flow): number;
}
