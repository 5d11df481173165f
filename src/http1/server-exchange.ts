import type { Socket } from 'node:net';
import {
  type BodySink,
  type Exchange,
  Flow,
  type Framing,
  type Peer,
  type ResponseHead,
} from '../core/exchange.ts';
import type { BodyDecoder } from './body-decoder.ts';
import { createBodyDecoder } from './create-body-decoder.ts';
import { HEAD_END } from './head.ts';
import type { ParsedRequestHead } from './request-head.ts';
import { isBodyless } from './response-head.ts';
import { serializeResponseHead } from './rewrite.ts';
import type { ServerConnection } from './server-connection.ts';
import { LAST_CHUNK, writeBytes, writeChunk, writeHead } from './socket-writer.ts';

/** One request on a connection of our server, and its answer. */
export class ServerExchange implements Exchange {
  readonly request: ParsedRequestHead;
  readonly peer: Peer;
  onDrain: (() => void) | undefined;
  onClose: ((reason: string) => void) | undefined;

  readonly #connection: ServerConnection;
  readonly #socket: Socket;
  #decoder: BodyDecoder | undefined;
  #sink: BodySink | undefined;
  #bodyPaused = false;
  /** The sink was told that the body ended, or will never be told. */
  #bodySettled = false;
  #body: AnswerBody | undefined;
  #left = 0;
  #keepAlive = false;
  #waitsForDrain = false;
  /** Of an upgraded connection: our half is closed, the caller's is not. */
  #answerEnded = false;
  #over = false;

  constructor(connection: ServerConnection, request: ParsedRequestHead, peer: Peer) {
    this.#connection = connection;
    this.#socket = connection.socket;
    this.request = request;
    this.peer = peer;
    if (request.framing.kind !== 'none') this.#decoder = createBodyDecoder(request.framing);
  }

  /** A final head was sent. */
  get answered(): boolean {
    return this.#body !== undefined;
  }

  get bodyPaused(): boolean {
    return this.#bodyPaused;
  }

  /** It is the caller's turn: the handler reads a body that is not complete. */
  get awaitsBody(): boolean {
    if (this.#body === 'raw') return this.#answerEnded;
    return this.#sink !== undefined && !this.#bodyPaused && !this.#bodyComplete;
  }

  get #bodyComplete(): boolean {
    return this.#decoder === undefined || this.#decoder.done;
  }

  readBody(sink: BodySink): void {
    if (this.#over) return;
    this.#sink = sink;
    if (this.#decoder !== undefined && !this.#decoder.done) {
      this.#connection.feedBody(this);
      if (this.request.expectsContinue && !this.#over && !this.#bodyComplete && !this.answered) {
        this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
      }
    } else if (this.#body !== 'raw') {
      this.#settleBody();
    }
    this.#connection.pump();
  }

  resumeBody(): void {
    if (!this.#bodyPaused) return;
    this.#bodyPaused = false;
    this.#connection.pump();
  }

  respond(head: ResponseHead, first?: Buffer, last = false): Flow {
    if (this.#over || this.answered) return Flow.consumed;
    if (head.status < 200 && head.status !== 101) {
      // 100 is ours to send, and HTTP/1.0 knows no interim answers.
      if (this.request.minor === 1 && head.status !== 100) this.#writeInterim(head);
      return Flow.consumed;
    }
    if (head.status === 101) return this.#switchProtocols(head, first);
    return this.#writeFinal(head, first, last);
  }

  write(chunk: Buffer): Flow {
    if (this.#over || chunk.length === 0) return Flow.consumed;
    switch (this.#body) {
      case 'length':
        this.#left -= chunk.length;
        if (this.#left < 0) {
          this.#break('answer-too-long');
          return Flow.consumed;
        }
        return this.#flowing(writeBytes(this.#socket, chunk));
      case 'chunked':
        return this.#flowing(writeChunk(this.#socket, chunk));
      case 'close':
      case 'raw':
        return this.#flowing(writeBytes(this.#socket, chunk));
      default:
        return Flow.consumed;
    }
  }

  end(): void {
    if (this.#over) return;
    if (this.#body === undefined || (this.#body === 'length' && this.#left > 0)) {
      this.#break('answer-too-short');
      return;
    }
    if (this.#body === 'chunked') this.#socket.write(LAST_CHUNK, 'latin1');
    this.#finish();
  }

  abort(_reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection.exchangeBroken(this.#body === 'close');
  }

  /** Reads body bytes; the connection calls it with whatever arrived. */
  decode(input: Buffer, at: number): number {
    if (this.#body === 'raw') return this.#passRaw(input, at);
    if (this.#decoder === undefined || this.#sink === undefined || this.#bodyPaused) return at;
    if (this.#decoder.done) return at;
    const sink = this.#sink;
    const next = this.#decoder.read(input, at, (part) => (this.#over ? Flow.consumed : sink.data(part)));
    if (this.#decoder.flow === Flow.paused) this.#bodyPaused = true;
    if (this.#decoder.done) this.#settleBody();
    return next;
  }

  /** The caller sent FIN. @returns true when that only ends its half of an upgraded connection */
  callerFinished(): boolean {
    if (this.#body !== 'raw') return false;
    this.#settleBody();
    if (this.#answerEnded) this.#finish();
    return true;
  }

  drained(): void {
    if (!this.#waitsForDrain) return;
    this.#waitsForDrain = false;
    this.onDrain?.();
  }

  connectionLost(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    if (!this.#bodySettled) {
      this.#bodySettled = true;
      this.#sink?.abort(reason);
    }
    this.onClose?.(reason);
  }

  #writeInterim(head: ResponseHead): void {
    // Nothing bounds their number, and nobody waits for them: a caller that does not read does without.
    if (this.#socket.writableNeedDrain) return;
    const text = serializeResponseHead(head, { requestMethod: this.request.method });
    this.#socket.write(text + HEAD_END, 'latin1');
  }

  #writeFinal(head: ResponseHead, first: Buffer | undefined, last: boolean): Flow {
    const { request } = this;
    const body = first === undefined || first.length === 0 ? undefined : first;
    const framing = last ? completeFraming(head.framing, body) : head.framing;
    this.#body = answerBody(framing, request, head.status);
    this.#left = framing.kind === 'length' ? framing.length : 0;
    this.#keepAlive = this.#mayKeepAlive();
    const connection = this.#keepAlive ? (request.minor === 0 ? 'keep-alive' : undefined) : 'close';
    const wire = {
      requestMethod: request.method,
      framing: this.#body === 'close' ? this.#body : framing,
      connection,
    } as const;
    const text = serializeResponseHead(head, wire) + HEAD_END;
    if (request.upgrade !== undefined) this.#settleBody();
    let flow: Flow = Flow.consumed;
    if (body === undefined || this.#body === 'none') {
      writeHead(this.#socket, text, undefined);
    } else if (this.#body === 'chunked') {
      flow = writeChunk(this.#socket, body, text);
    } else {
      if (this.#body === 'length') this.#left -= body.length;
      if (this.#left < 0) {
        this.#break('answer-too-long');
        return Flow.consumed;
      }
      flow = writeHead(this.#socket, text, body);
    }
    if (last) this.end();
    return this.#flowing(flow);
  }

  /** Whether the connection can carry another request; decided when the answer's head is written. */
  #mayKeepAlive(): boolean {
    if (!this.request.keepAlive || this.#connection.draining || this.#body === 'close') return false;
    if (this.#bodyComplete) return true;
    if (this.#sink !== undefined) return false;
    // Nobody wants the body. What of it is here already costs nothing to skip; waiting for more would.
    this.#sink = discard();
    this.#connection.feedBody(this);
    return this.#bodyComplete;
  }

  #switchProtocols(head: ResponseHead, first: Buffer | undefined): Flow {
    const text = serializeResponseHead(head, { requestMethod: this.request.method });
    const flow = writeHead(this.#socket, text + HEAD_END, first);
    this.#body = 'raw';
    this.#bodySettled = false;
    this.#connection.pump();
    return this.#flowing(flow);
  }

  #passRaw(input: Buffer, at: number): number {
    if (this.#sink === undefined || this.#bodyPaused) return at;
    this.#bodyPaused = this.#sink.data(input.subarray(at)) === Flow.paused;
    return input.length;
  }

  #settleBody(): void {
    // A body that may yet become another protocol's bytes has not ended.
    if (this.#sink === undefined || this.#bodySettled) return;
    if (this.request.upgrade !== undefined && !this.answered) return;
    this.#bodySettled = true;
    this.#sink.end();
  }

  #flowing(flow: Flow): Flow {
    if (flow === Flow.paused) this.#waitsForDrain = true;
    return flow;
  }

  #finish(): void {
    if (this.#over) return;
    if (this.#body === 'raw' && !this.#bodySettled) {
      this.#answerEnded = true;
      this.#socket.end();
      return;
    }
    this.#over = true;
    this.#connection.exchangeDone(this.#keepAlive && this.#bodyComplete);
  }

  /** The handler's answer contradicts its own head; the caller must see that it is not whole. */
  #break(reason: string): void {
    this.#over = true;
    this.#connection.exchangeBroken(this.#body === 'close');
    this.onClose?.(reason);
  }
}

type AnswerBody = 'none' | 'length' | 'chunked' | 'close' | 'raw';

/** Enough for a caller that only looks at the answer once it has sent a body of usual size. */
const DISCARD_LIMIT = 1_048_576;

function discard(): BodySink {
  let bytes = 0;
  return {
    data(chunk) {
      bytes += chunk.length;
      return bytes > DISCARD_LIMIT ? Flow.paused : Flow.consumed;
    },
    end() {},
    abort() {},
  };
}

/** All bytes are known, so their number is. */
function completeFraming(framing: Framing, body: Buffer | undefined): Framing {
  return framing.kind === 'stream' ? { kind: 'length', length: body?.length ?? 0 } : framing;
}

function answerBody(framing: Framing, request: ParsedRequestHead, status: number): AnswerBody {
  if (framing.kind === 'none' || isBodyless(request.method, status)) return 'none';
  if (framing.kind === 'length') return 'length';
  return request.minor === 1 ? 'chunked' : 'close';
}
