import type { Socket } from 'node:net';
import { Flow, type RequestHead } from '../core/exchange.ts';
import type { BodyDecoder } from './body-decoder.ts';
import { createBodyDecoder } from './create-body-decoder.ts';
import { HEAD_END } from './head.ts';
import { HeadReader } from './head-reader.ts';
import { Http1Error } from './http1-error.ts';
import { type ParsedResponseHead, parseResponseHead, refuseStranger } from './response-head.ts';
import { LAST_CHUNK, writeBytes, writeChunk, writeHead } from './socket-writer.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** What happens to a request, in order; nothing after `responseEnd` or `failed`. */
export interface UpstreamReceiver {
  /** An interim answer other than 100 and 101. */
  interim(head: ParsedResponseHead): void;
  /** The final head (or a 101) with the first body bytes; `last`: they are all. `responseEnd` does not follow then. */
  response(head: ParsedResponseHead, first: Buffer | undefined, last: boolean): Flow;
  responseData(chunk: Buffer): Flow;
  responseEnd(): void;
  failed(failure: UpstreamFailure): void;
  /** Writing may go on. */
  drain(): void;
}

export interface UpstreamFailure {
  /**
   * `connect`: no connection, so nothing was sent. `closed`: it ended before the answer was complete.
   * `protocol`: the server does not speak HTTP/1.1, or frames its answer in two ways.
   */
  readonly kind: 'connect' | 'closed' | 'protocol';
  /** A stable word, or an error code of the system. */
  readonly reason: string;
}

/** One request on a connection to the server, and its answer. */
export class UpstreamExchange {
  readonly #request: RequestHead;
  readonly #receiver: UpstreamReceiver;
  #connection: UpstreamConnection | undefined;
  /** What was asked for before there was a connection. */
  #early: { readonly chunk?: Buffer; readonly end?: boolean; readonly flush?: boolean } | undefined;
  #headText: string;
  #sent = false;
  /** The whole request was handed to the socket. */
  #requestEnded = false;
  #left: number;
  #heads: HeadReader | undefined;
  #interims = 0;
  #response: ParsedResponseHead | undefined;
  #decoder: BodyDecoder | undefined;
  /** What came of the answer and was not read yet, because the receiver waits. */
  #held: Buffer | undefined;
  /** The server sent FIN behind what is held. */
  #endHeld = false;
  #waitsForDrain = false;
  /** Halves of an upgraded connection that are closed. */
  #rawEnds = 0;
  #over = false;
  /** The receiver asked to wait. */
  paused = false;
  /** Counts what the server sent, so that a sweep can see silence. */
  progress = 0;

  constructor(request: RequestHead, headText: string, receiver: UpstreamReceiver) {
    this.#request = request;
    this.#headText = headText + HEAD_END;
    this.#receiver = receiver;
    this.#left = request.framing.kind === 'length' ? request.framing.length : 0;
  }

  /** Nothing more happens. */
  get over(): boolean {
    return this.#over;
  }

  get connected(): boolean {
    return this.#connection?.connected ?? false;
  }

  /** Gives it the connection it runs on; what was asked for before happens now. */
  bind(connection: UpstreamConnection): void {
    this.#connection = connection;
    connection.attach(this);
    const early = this.#early;
    this.#early = undefined;
    if (early === undefined) return;
    if (early.chunk !== undefined) this.write(early.chunk);
    if (early.end) this.end();
    else if (early.flush) this.flush();
    if (early.chunk !== undefined && !this.#waitsForDrain) this.#receiver.drain();
  }

  /** Sends request body bytes (after a 101: raw bytes). */
  write(chunk: Buffer): Flow {
    if (this.#over || chunk.length === 0) return Flow.consumed;
    const socket = this.#connection?.socket;
    if (socket === undefined) {
      this.#early = { ...this.#early, chunk };
      return Flow.paused;
    }
    const flow = this.#writeBody(socket, chunk);
    if (flow === Flow.paused) this.#waitsForDrain = true;
    return flow;
  }

  /** The request is complete. */
  end(): void {
    if (this.#over) return;
    const socket = this.#connection?.socket;
    if (socket === undefined) {
      this.#early = { ...this.#early, end: true };
    } else if (this.#response?.status === 101) {
      this.#rawEnds++;
      this.#over = this.#rawEnds === 2;
      socket.end();
    } else if (this.#left > 0) {
      this.abort();
    } else {
      this.flush();
      if (this.#request.framing.kind === 'stream') socket.write(LAST_CHUNK, 'latin1');
      this.#requestEnded = true;
    }
  }

  /** Sends the head now, without waiting for body bytes to go with it. */
  flush(): void {
    if (this.#over || this.#sent) return;
    const socket = this.#connection?.socket;
    if (socket === undefined) {
      this.#early = { ...this.#early, flush: true };
      return;
    }
    this.#sent = true;
    socket.write(this.#headText, 'latin1');
    this.#headText = '';
  }

  /** Ends the exchange and its connection; the receiver hears nothing more. */
  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection?.discard();
  }

  /** Goes on after `response` or `responseData` answered `Flow.paused`. */
  resume(): void {
    if (!this.paused || this.#over) return;
    this.paused = false;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.received(held);
    if (this.paused || this.#over) return;
    if (this.#endHeld) this.#connection?.ended();
    else this.#connection?.readOn();
  }

  /**
   * Bytes of the server.
   *
   * @returns true when the chunk was kept by somebody, so that its memory must not be used again
   */
  received(chunk: Buffer): boolean {
    this.progress++;
    if (this.paused) {
      // TLS hands out all that it has decrypted, also after it was told to stop.
      this.#held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
      return true;
    }
    try {
      return this.#response === undefined ? this.#readHead(chunk) : this.#readBody(chunk, 0);
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error;
      this.#fail({ kind: 'protocol', reason: error.reason });
      return false;
    }
  }

  /** The server sent FIN. @returns true when the exchange goes on without it (an upgraded connection) */
  serverFinished(): boolean {
    if (this.#over || this.#response === undefined) return false;
    if (this.paused) {
      this.#endHeld = true;
      return true;
    }
    if (this.#response.status === 101) {
      this.#rawEnds++;
      this.#over = this.#rawEnds === 2;
      this.#receiver.responseEnd();
      return true;
    }
    if (!this.#response.delimitedByClose) return false;
    this.#over = true;
    this.#connection?.discard();
    this.#receiver.responseEnd();
    return true;
  }

  drained(): void {
    if (!this.#waitsForDrain) return;
    this.#waitsForDrain = false;
    this.#receiver.drain();
  }

  connectionLost(connected: boolean, error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    const code = (error as NodeJS.ErrnoException | undefined)?.code;
    this.#receiver.failed({ kind: connected ? 'closed' : 'connect', reason: code ?? 'connection-closed' });
  }

  #writeBody(socket: Socket, chunk: Buffer): Flow {
    const head = this.#headText;
    const first = !this.#sent;
    this.#sent = true;
    this.#headText = '';
    // After a 101 the request had no body, and these are the other protocol's bytes.
    if (this.#request.framing.kind === 'stream') return writeChunk(socket, chunk, head);
    if (this.#request.framing.kind === 'length') this.#left -= chunk.length;
    return first ? writeHead(socket, head, chunk) : writeBytes(socket, chunk);
  }

  #readHead(chunk: Buffer): boolean {
    let offset = 0;
    while (offset < chunk.length) {
      this.#heads ??= new HeadReader(this.#connection?.context.headBytes ?? 0);
      if (!this.#heads.started) refuseStranger(chunk, offset);
      const text = this.#heads.read(chunk, offset);
      if (text === undefined) return false;
      offset = this.#heads.next;
      const head = parseResponseHead(text, this.#request.method);
      if (head.status >= 200 || head.status === 101) return this.#start(head, chunk, offset);
      if (++this.#interims > MAX_INTERIMS) throw new Http1Error(502, 'too-many-interim-answers');
      if (head.status !== 100) this.#receiver.interim(head);
      if (this.#over) return false;
    }
    return false;
  }

  /** Gives head and first body bytes on together: a small answer is one write for whoever sends it on. */
  #start(head: ParsedResponseHead, chunk: Buffer, offset: number): boolean {
    this.#response = head;
    if (head.status === 101) {
      if (this.#request.upgrade === undefined || head.upgrade !== this.#request.upgrade) {
        throw new Http1Error(502, 'unasked-upgrade');
      }
      this.#decoder = createBodyDecoder(head.framing, true);
    } else {
      this.#decoder = createBodyDecoder(head.framing, head.delimitedByClose);
    }
    let first: Buffer | undefined;
    const decoder = this.#decoder;
    // Stops after the first part: what follows goes the ordinary way.
    let next = decoder.read(chunk, offset, (part) => {
      first = part;
      return Flow.paused;
    });
    if (
      chunk.length - next === LAST_CHUNK_AFTER_DATA.length &&
      chunk.indexOf(LAST_CHUNK_AFTER_DATA, next) === next
    ) {
      next = decoder.read(chunk, next, () => Flow.consumed);
    }
    const last = decoder.done;
    if (last) this.#complete(next < chunk.length);
    const flow = this.#receiver.response(head, first, last);
    if (last || this.#over) return flow !== Flow.consumed;
    if (flow === Flow.paused) return this.#hold(chunk, next);
    return this.#readBody(chunk, next) || flow !== Flow.consumed;
  }

  #readBody(chunk: Buffer, offset: number): boolean {
    const decoder = this.#decoder;
    if (decoder === undefined) return false;
    const next = decoder.read(chunk, offset, (part) =>
      this.#over ? Flow.consumed : this.#receiver.responseData(part),
    );
    if (this.#over) return decoder.flow !== Flow.consumed;
    if (decoder.done) {
      this.#complete(next < chunk.length);
      this.#receiver.responseEnd();
    } else if (decoder.flow === Flow.paused) {
      return this.#hold(chunk, next);
    }
    return decoder.flow !== Flow.consumed;
  }

  #hold(chunk: Buffer, offset: number): boolean {
    this.paused = true;
    this.#held = offset < chunk.length ? chunk.subarray(offset) : undefined;
    return true;
  }

  /** The answer is whole. The connection is used again only if nothing is left over on either side. */
  #complete(surplus: boolean): void {
    this.#over = true;
    const response = this.#response;
    const settled = !surplus && !this.#endHeld && this.#requestEnded;
    if (!settled || response?.keepAlive !== true || this.#mayBeFollowed(response))
      this.#connection?.discard();
    else this.#connection?.release(idleLimitMs(response));
  }

  /**
   * Does a body come that has no place there? Servers send one to `HEAD`, or with a `204` or `304`
   * that announces one, and it would be read as the next answer. `HEAD` is rare enough to pay for that.
   */
  #mayBeFollowed(response: ParsedResponseHead): boolean {
    if (this.#request.method === 'HEAD') return true;
    if (response.status !== 204 && response.status !== 304) return false;
    if (response.get('transfer-encoding') !== undefined) return true;
    return response.status === 204 && Number(response.get('content-length') ?? 0) > 0;
  }

  #fail(failure: UpstreamFailure): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection?.discard();
    this.#receiver.failed(failure);
  }
}

const MAX_INTERIMS = 32;

/** How a short chunked answer ends that was written at once. */
const LAST_CHUNK_AFTER_DATA = Buffer.from(`\r\n${LAST_CHUNK}`);

/** Node and uvicorn close an idle connection after 5 s: one that is older may already be dead. */
const MAX_IDLE_MS = 4_000;

/** A server that announces a shorter life is believed, with a second to spare. */
function idleLimitMs(response: ParsedResponseHead): number {
  const announced = /timeout=(\d{1,6})/.exec(response.get('keep-alive') ?? '')?.[1];
  return announced === undefined ? MAX_IDLE_MS : Math.min(MAX_IDLE_MS, Number(announced) * 1_000 - 1_000);
}
