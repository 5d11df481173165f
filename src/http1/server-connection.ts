import type { Socket } from 'node:net';
import type { RequestHead } from '../core/exchange.ts';
import { HeadReader } from './head-reader.ts';
import { Http1Error } from './http1-error.ts';
import { type ParsedRequestHead, parseRequestHead } from './request-head.ts';
import { responseHead } from './response-head.ts';
import { serializeResponseHead } from './rewrite.ts';
import { ServerExchange } from './server-exchange.ts';
import type { Http1ServerOptions, ServerLimits } from './server-options.ts';
import { addressOf } from './socket-origin.ts';
import { writeHead } from './socket-writer.ts';

export interface ServerContext {
  readonly options: Http1ServerOptions;
  readonly limits: ServerLimits;
  draining(): boolean;
  closed(): void;
}

/** One caller's connection: reads heads, runs one exchange at a time, keeps the rest waiting. */
export class ServerConnection {
  readonly socket: Socket;
  readonly context: ServerContext;
  readonly #heads: HeadReader;
  #exchange: ServerExchange | undefined;
  /** Bytes that were read from the socket and not used yet: `input[at..]`. */
  #input: Buffer | undefined;
  #at = 0;
  #pumping = false;
  /** A body decoder is in the middle of `input`: `at` is not to be trusted. */
  #decoding = false;
  #served = 0;
  /** The last answer was sent; what still arrives is thrown away. */
  #closing = false;
  #gone = false;
  #error: string | undefined;
  // What the sweep compares, so that no clock is read while bytes flow.
  #progress = 0;
  #seenProgress = -1;
  #since = 0;
  #seenTaken = 0;
  #pendingSince = 0;

  constructor(socket: Socket, context: ServerContext) {
    this.socket = socket;
    this.context = context;
    this.#heads = new HeadReader(context.limits.headBytes, true);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('drain', this.#onDrain);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get draining(): boolean {
    return this.context.draining();
  }

  /** Ends the connection if it is between requests. */
  drain(): void {
    if (this.#exchange === undefined && !this.#closing) this.#finishWriting();
  }

  /** Answers with an error of the server's own, then closes. */
  refuse(status: number, reason: string): void {
    if (this.#closing || this.#gone) return;
    const { options } = this.context;
    const refused = { status, reason, address: addressOf(this.socket) };
    const answer = options.answerRefused?.(refused) ?? plainAnswer(status, reason);
    const text = serializeResponseHead(answer.head, {
      requestMethod: 'GET',
      framing: { kind: 'length', length: answer.body.length },
      connection: 'close',
    });
    writeHead(this.socket, `${text}\r\n\r\n`, answer.body);
    this.#finishWriting();
  }

  destroy(reason: string): void {
    this.#error ??= reason;
    this.socket.destroy();
  }

  /** Called by the sweep. @param now monotonic milliseconds */
  checkDeadlines(now: number): void {
    if (this.#progress !== this.#seenProgress) {
      this.#seenProgress = this.#progress;
      this.#since = now;
    } else if (now - this.#since >= this.#allowedMs()) {
      this.#expire();
      return;
    }
    const pending = this.socket.writableLength;
    // Not how much waits: that is the same after one piece went and another came, and it grows where
    // nothing goes.
    const taken = this.socket.bytesWritten - pending;
    if (pending === 0 || taken !== this.#seenTaken) {
      this.#seenTaken = taken;
      this.#pendingSince = now;
    } else if (now - this.#pendingSince >= this.context.limits.writeStallMs) {
      this.destroy('caller-stalled');
    }
  }

  #allowedMs(): number {
    const { limits } = this.context;
    if (this.#closing) return limits.lingerMs;
    if (this.#exchange !== undefined) {
      return this.#exchange.awaitsBody ? limits.bodyStallMs : Number.POSITIVE_INFINITY;
    }
    return this.#heads.started || this.#served === 0 ? limits.headTimeoutMs : limits.keepAliveMs;
  }

  #expire(): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      const answerable = !exchange.answered;
      this.#exchange = undefined;
      exchange.connectionLost('caller-stalled');
      if (answerable) this.refuse(408, 'slow-body');
      else this.destroy('caller-stalled');
    } else if (!this.#closing && (this.#heads.started || this.#served === 0)) {
      this.refuse(408, 'slow-head');
    } else {
      this.destroy('idle');
    }
  }

  /** Gives the exchange's decoder what has arrived. Never reads past the body. */
  feedBody(exchange: ServerExchange): void {
    if (this.#decoding || this.#input === undefined) return;
    this.#decoding = true;
    try {
      this.#at = exchange.decode(this.#input, this.#at);
    } catch (error) {
      this.#brokenBody(exchange, error);
      return;
    } finally {
      this.#decoding = false;
    }
    if (this.#input !== undefined && this.#at === this.#input.length) this.#input = undefined;
  }

  /** Goes on reading, wherever it stopped. */
  pump(): void {
    if (this.#pumping || this.#decoding || this.#gone) return;
    this.#pumping = true;
    try {
      this.#pumpInput();
    } finally {
      this.#pumping = false;
    }
    if (this.#gone) return;
    const wantsMore = this.#input === undefined && this.#exchange?.bodyPaused !== true;
    if (wantsMore === this.socket.isPaused()) {
      if (wantsMore) this.socket.resume();
      else this.socket.pause();
    }
  }

  #pumpInput(): void {
    while (this.#input !== undefined) {
      if (this.#closing) {
        this.#input = undefined;
        return;
      }
      const exchange = this.#exchange;
      if (exchange === undefined) {
        this.#readHead(this.#input);
      } else {
        const before = this.#at;
        this.feedBody(exchange);
        if (this.#exchange === exchange && this.#at === before) return;
      }
    }
  }

  #readHead(input: Buffer): void {
    if (!this.#heads.started) this.#progress++;
    let request: ParsedRequestHead;
    try {
      const text = this.#heads.read(input, this.#at);
      this.#at = this.#heads.next;
      if (this.#at === input.length) this.#input = undefined;
      if (text === undefined) return;
      request = parseRequestHead(text);
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error;
      this.refuse(error.status, error.reason);
      return;
    }
    this.#served++;
    if (request.upgrade !== undefined && this.#handOver(request)) return;
    const peer = this.context.options.peerOf(this.socket, request);
    const exchange = new ServerExchange(this, request, peer);
    this.#exchange = exchange;
    try {
      this.context.options.handler(exchange);
    } catch (err) {
      this.context.options.log.error({ err }, 'request handler failed');
      exchange.abort('handler-failed');
    }
  }

  #handOver(request: RequestHead): boolean {
    const { onUpgrade } = this.context.options;
    if (onUpgrade === undefined) return false;
    const { socket } = this;
    const buffered = this.#input?.subarray(this.#at) ?? Buffer.alloc(0);
    // Detached first: the new owner may read at once.
    socket.off('data', this.#onData).off('end', this.#onEnd).off('drain', this.#onDrain);
    socket.off('error', this.#onError).off('close', this.#onClose);
    if (this.context.options.onUpgrade?.(request, socket, buffered) === true) {
      this.#gone = true;
      this.#input = undefined;
      this.context.closed();
      return true;
    }
    socket.on('data', this.#onData).on('end', this.#onEnd).on('drain', this.#onDrain);
    socket.on('error', this.#onError).on('close', this.#onClose);
    return false;
  }

  /** The exchange is over and the connection is fit for the next. */
  exchangeDone(keepAlive: boolean): void {
    this.#exchange = undefined;
    this.#progress++;
    if (!keepAlive || this.draining) this.#finishWriting();
    this.pump();
  }

  /** The exchange ended in a way that leaves the connection useless. */
  exchangeBroken(reset: boolean): void {
    this.#exchange = undefined;
    // What a FIN delimits would look complete after one.
    if (reset && !('encrypted' in this.socket)) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  #brokenBody(exchange: ServerExchange, error: unknown): void {
    if (!(error instanceof Http1Error)) throw error;
    // The handler has answered by now, and that answer is on its way.
    if (this.#closing) return;
    const answerable = !exchange.answered;
    this.#exchange = undefined;
    this.#input = undefined;
    exchange.connectionLost(error.reason);
    if (answerable) this.refuse(error.status, error.reason);
    else this.destroy(error.reason);
  }

  /**
   * FIN after the last answer, then wait for the caller's: destroying a socket with unread bytes
   * resets it, and the reset can overtake the answer.
   */
  #finishWriting(): void {
    this.#closing = true;
    this.#progress++;
    this.#input = undefined;
    this.socket.end();
    if (this.socket.readableEnded) this.socket.destroy();
    else if (this.socket.isPaused()) this.socket.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#closing) return;
    if (this.#exchange !== undefined) this.#progress++;
    this.#input = chunk;
    this.#at = 0;
    this.pump();
  };

  readonly #onEnd = (): void => {
    if (this.#exchange?.callerFinished() === true) return;
    this.#error ??= 'caller-gone';
    if (this.#exchange === undefined) this.socket.end();
    if (this.#exchange !== undefined || this.socket.writableLength === 0) this.socket.destroy();
    else this.socket.once('finish', () => this.socket.destroy());
  };

  readonly #onDrain = (): void => {
    this.#exchange?.drained();
  };

  readonly #onError = (): void => {
    this.#error ??= 'caller-gone';
  };

  readonly #onClose = (): void => {
    this.#gone = true;
    this.#input = undefined;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.context.closed();
    exchange?.connectionLost(this.#error ?? 'caller-gone');
  };
}

function plainAnswer(status: number, reason: string) {
  const body = Buffer.from(`${reason}\n`);
  const head = responseHead(status, ['Content-Type', 'text/plain'], { kind: 'length', length: body.length });
  return { head, body };
}
