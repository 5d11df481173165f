/**
 * One HTTP exchange, whatever carried it: a TCP connection of the gateway's listener, a public
 * connection of the relay, or a stream of the relay agent. The gateway and the relay are written
 * against this and nothing else.
 *
 * Bodies flow as bytes without transfer coding; the code that owns a wire frames them. After a `101`
 * answer both bodies are the raw bytes of the upgraded protocol.
 */
export interface Exchange {
  readonly request: RequestHead;
  readonly peer: Peer;

  /**
   * Starts the request body. Called at most once; a body that is not read is discarded, bounded.
   *
   * The body of a request that asks for an upgrade ends only once the final head was sent: until
   * then it is not known whether raw bytes follow.
   */
  readBody(sink: BodySink): void;
  /** Lets the request body go on after the sink answered `Flow.paused`. */
  resumeBody(): void;

  /**
   * Sends an interim (1xx, any number, no body) or the final head. With the final head, `first`
   * may carry the first body bytes and `last` says that they are all: a small answer is one write.
   */
  respond(head: ResponseHead, first?: Buffer, last?: boolean): Flow;
  /** Sends response body bytes. */
  write(chunk: Buffer): Flow;
  /** The response body is complete. */
  end(): void;
  /**
   * Ends the exchange so that the caller can tell it is not complete. Before the final head nothing
   * was promised and the connection simply ends. A truncated body never looks complete.
   */
  abort(reason: string): void;

  /** Called when writing may go on after `Flow.paused`. Set by the handler. */
  onDrain: (() => void) | undefined;
  /**
   * Called once when the exchange ended by anything but the handler's own `end`/`abort`: the caller
   * went away, its connection stalled, the carrier broke. Set by the handler.
   */
  onClose: ((reason: string) => void) | undefined;
}

/** Where body bytes go. Calls come in order, and none after `end` or `abort`. */
export interface BodySink {
  data(chunk: Buffer): Flow;
  end(): void;
  /** The body will never be complete (the sender went away, or broke its framing). */
  abort(reason: string): void;
}

/**
 * What a receiver says about a chunk it was given.
 *
 * Sources may read into reused buffers, so ownership is explicit: after `consumed` the source may
 * overwrite the chunk at once; after `retained` or `paused` the chunk belongs to the receiver.
 */
export const Flow = {
  /** Copied or written out; go on. */
  consumed: 0,
  /** The receiver holds on to the chunk; go on. */
  retained: 1,
  /** The receiver holds on to the chunk; wait for `resumeBody` / `onDrain`. */
  paused: 2,
} as const;
export type Flow = (typeof Flow)[keyof typeof Flow];

/** Who is at the other end of an exchange, as told by the hop we trust. */
export interface Peer {
  /** Client address: the socket's, or what the trusted carrier reported. */
  readonly address: string;
  /** Scheme the client used at the public edge. */
  readonly scheme: 'http' | 'https';
  /** Host the client used at the public edge, as it was before any rewriting. */
  readonly host: string;
  /** `provider`: came through a public URL. `local`: a direct connection to the gateway's port. */
  readonly via: 'provider' | 'local';
}

/**
 * A validated head. Header order, case and repetition are kept; lookups are by lower-case name.
 * Framing headers were checked and are described by `framing`, never to be read from the text.
 */
export interface Head {
  readonly framing: Framing;
  /** First value of the header called `name` (lower case), trimmed. */
  get(name: string): string | undefined;
  /** All values of the header called `name`, in order. */
  getAll(name: string): readonly string[];
  /** Every header line as received, name and value alternating. */
  readonly lines: readonly string[];
}

export interface RequestHead extends Head {
  readonly method: string;
  /** Origin-form (`/mcp?x=1`) or `*`; an absolute-form target was reduced to it. Never normalised. */
  readonly target: string;
  /** HTTP/1.x minor version of the caller. */
  readonly minor: 0 | 1;
  /** Lower-case protocol of a valid `Upgrade` + `Connection: upgrade`, else undefined. */
  readonly upgrade: string | undefined;
}

export interface ResponseHead extends Head {
  readonly status: number;
  readonly reason: string;
}

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  /** Length not known in advance: chunked, or (responses) until the connection closes. */
  | { readonly kind: 'stream' };
