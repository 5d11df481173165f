import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Masking } from '../../relay/link/frame-socket.ts';
import { LinkError } from '../../relay/link/link-error.ts';
import {
  controlFrame,
  finishWebSocketFrame,
  Opcode,
  WEBSOCKET_HEADROOM,
  WebSocketDecoder,
} from '../../relay/link/websocket-frame.ts';
import { nextMask } from '../../relay/link/websocket-mask.ts';

/** What the libraries of the official peers take by default; they close the connection above it. */
const MAX_MESSAGE_BYTES = 64 * 1_048_576;
/** A longer message leaves in several frames, well below the 16 MiB those libraries take in one. */
const SPLIT_BYTES = 1_048_576;
/** Unsent bytes above which producers wait, and below which they go on. */
const CONGESTED_BYTES = 1_048_576;
const RELAXED_BYTES = 262_144;
/** How long the peer may take to answer our close frame before the socket is destroyed. */
const LINGER_MS = 1_000;
const MAX_REASON_BYTES = 123;
/** How much of a message that is too long is looked at. */
const START_BYTES = 1_024;
/** A message up to this size takes nothing of the room that all sockets share (bytes). */
const OWN_BYTES = 65_536;
const NOTHING = Buffer.alloc(0);

/** How a connection of text messages ended. */
export interface TextSocketEnd {
  /** Of the peer's close frame (1005: it had none); undefined when the connection ended without one. */
  readonly code: number | undefined;
  /** The peer's words, or what happened. */
  readonly reason: string;
}

/** What many sockets may hold together of messages that are not whole yet (bytes). */
export interface MessageRoom {
  /** False when there are not so many left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/**
 * Text messages over WebSocket over one socket, for either side: split and joined frames, pings
 * answered, close codes with their reasons. Binary messages are taken and ignored, as the official
 * peers do.
 */
export class TextSocket {
  /** A whole text message. */
  onText: ((text: string) => void) | undefined;
  /** Bytes of any kind arrived. */
  onHeard: (() => void) | undefined;
  /** The peer answered a ping; it has read everything that was sent before it. */
  onPong: ((payload: string) => void) | undefined;
  /** The backlog is short again. */
  onRelaxed: (() => void) | undefined;
  /**
   * A message is too long, or there is no room for it: it is thrown away as it comes, and this is how it starts (latin1). When
   * unset, such a message ends the connection.
   */
  onTooLong: ((start: string) => void) | undefined;
  /** Of one received message (bytes). */
  limit: number;
  /** Unlimited when unset. */
  room: MessageRoom | undefined;
  /** Called once, when no more messages will come. */
  onClosed: ((end: TextSocketEnd) => void) | undefined;

  readonly #socket: Socket;
  readonly #masking: Masking;
  readonly #clock: Clock;
  readonly #decoder: WebSocketDecoder;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #isText = false;
  #skipping = false;
  /** The message so far is the first `#filled` bytes; frames of one byte would cost a hundred each as pieces. */
  #message: Buffer = NOTHING;
  #filled = 0;
  #taken = 0;
  /** Announced by the frames of the message so far. */
  #bytes = 0;
  #waiting = 0;
  #congested = false;
  #closed = false;
  #linger: Timer | undefined;
  #progressAt: number;
  #spoke = false;
  #sent = 0;

  /**
   * @param masking `none` on the relay's side, else the agent's
   * @param limit of one received message (bytes)
   */
  constructor(socket: Socket, masking: Masking, clock: Clock, limit = MAX_MESSAGE_BYTES) {
    this.#socket = socket;
    this.#masking = masking;
    this.#clock = clock;
    this.limit = limit;
    this.#progressAt = clock.monotonic();
    const receiver = {
      begin: (opcode: number, length: number) => this.#onBegin(opcode, length),
      payload: (piece: Buffer) => this.#onPayload(piece),
      complete: () => this.#onComplete(),
      control: (opcode: number, payload: Buffer) => this.#onControl(opcode, payload),
    };
    this.#decoder = new WebSocketDecoder(masking === 'none' ? 'server' : 'client', receiver, true);
    socket.setNoDelay(true);
    socket.on('end', () =>
      this.#finish(undefined, { code: undefined, reason: 'the peer closed the connection' }),
    );
    socket.on('error', (error) => this.#finish(undefined, { code: undefined, reason: error.message }));
    socket.on('close', () => {
      this.#linger?.cancel();
      this.#finish(undefined, { code: undefined, reason: 'the connection ended' });
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Unsent bytes are so many that producers should hold theirs back. */
  get congested(): boolean {
    return this.#congested;
  }

  /** Bytes the socket has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** Everything that was sent so far (bytes). */
  get sentBytes(): number {
    return this.#sent;
  }

  /** How long the oldest unsent byte has been waiting without any progress (milliseconds). */
  get stalledMs(): number {
    return this.#waiting === 0 ? 0 : this.#clock.monotonic() - this.#progressAt;
  }

  /** Whether anything was sent since the last call. */
  takeSpoke(): boolean {
    const spoke = this.#spoke;
    this.#spoke = false;
    return spoke;
  }

  /** Takes bytes from the socket. May unmask them in place; keeps none of them. */
  receive(chunk: Buffer): void {
    if (this.#closed) return;
    this.onHeard?.();
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      if (error instanceof CloseWith) this.close(error.code, error.message);
      else if (error instanceof LinkError) this.close(1002, error.message);
      else throw error;
    }
  }

  /** Sends one message, whatever the backlog is: the producer looks at `congested`. */
  send(text: string): void {
    if (this.#closed) return;
    const length = Buffer.byteLength(text);
    if (length <= SPLIT_BYTES) {
      const bytes = Buffer.allocUnsafe(WEBSOCKET_HEADROOM + length);
      bytes.write(text, WEBSOCKET_HEADROOM, 'utf8');
      this.#write(bytes.subarray(this.#frame(bytes, bytes.length, Opcode.text, true)));
      return;
    }
    const bytes = Buffer.from(text);
    for (let at = 0; at < length; at += SPLIT_BYTES) {
      const piece = bytes.subarray(at, at + SPLIT_BYTES);
      const frame = Buffer.allocUnsafe(WEBSOCKET_HEADROOM + piece.length);
      piece.copy(frame, WEBSOCKET_HEADROOM);
      const opcode = at === 0 ? Opcode.text : Opcode.continuation;
      this.#write(frame.subarray(this.#frame(frame, frame.length, opcode, at + SPLIT_BYTES >= length)));
    }
  }

  /**
   * Asks whether the peer is there; any conforming one answers by itself.
   *
   * @param payload what it shall answer with, at most 125 bytes
   */
  ping(payload = ''): void {
    if (!this.#closed) this.#write(controlFrame(Opcode.ping, Buffer.from(payload), this.#mask()));
  }

  /** Says goodbye: what was sent so far still goes out, then the socket ends. */
  close(code: number, reason: string): void {
    this.#finish(closePayload(code, reason), { code: undefined, reason });
  }

  /** Ends the socket without another word. */
  destroy(reason: string): void {
    this.#finish(undefined, { code: undefined, reason });
    this.#socket.destroy();
  }

  #frame(bytes: Buffer, end: number, opcode: number, final: boolean): number {
    const start = finishWebSocketFrame(bytes, WEBSOCKET_HEADROOM, end, opcode, this.#mask());
    if (!final) bytes[start] = opcode;
    return start;
  }

  #write(bytes: Buffer): void {
    this.#spoke = true;
    this.#sent += bytes.length;
    if (this.#waiting++ === 0) {
      this.#progressAt = this.#clock.monotonic();
      // The few messages of one small answer leave in one write.
      this.#socket.cork();
      process.nextTick(() => this.#socket.uncork());
    }
    this.#socket.write(bytes, this.#onWritten);
    if (this.#socket.writableLength > CONGESTED_BYTES) this.#congested = true;
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#waiting--;
    this.#progressAt = this.#clock.monotonic();
    if (error || this.#closed || !this.#congested || this.#socket.writableLength >= RELAXED_BYTES) return;
    this.#congested = false;
    this.onRelaxed?.();
  };

  #mask(): number | undefined {
    if (this.#masking === 'none') return undefined;
    return this.#masking === 'zero' ? 0 : nextMask();
  }

  #onBegin(opcode: number, length: number): void {
    if (this.#bytes + length > this.limit) this.#skip();
    this.#isText = opcode === Opcode.text;
    this.#bytes += length;
  }

  #onPayload(piece: Buffer): void {
    if (!this.#isText || this.#closed) return;
    if (!this.#skipping && !this.#grow(this.#filled + piece.length)) this.#skip();
    // The chunk it is a part of is read into again.
    this.#filled += piece.copy(this.#message, this.#filled);
  }

  /** Makes place for a message of so many bytes. */
  #grow(bytes: number): boolean {
    const before = this.#message;
    if (bytes <= before.length) return true;
    const size = Math.max(bytes, Math.min(this.limit, before.length * 2));
    if (size > OWN_BYTES && this.room !== undefined) {
      if (!this.room.take(size - this.#taken)) return false;
      this.#taken = size;
    }
    this.#message = Buffer.allocUnsafe(size);
    before.copy(this.#message, 0, 0, this.#filled);
    return true;
  }

  /** Only the start of the message is kept from here on. */
  #skip(): void {
    if (this.onTooLong === undefined) throw new CloseWith(1009, 'the message is too long');
    if (this.#skipping) return;
    const start = Buffer.alloc(START_BYTES);
    const filled = this.#message.copy(start, 0, 0, this.#filled);
    this.#drop();
    this.#skipping = true;
    this.#message = start;
    this.#filled = filled;
  }

  #drop(): void {
    if (this.#taken > 0) this.room?.give(this.#taken);
    this.#taken = 0;
    this.#message = NOTHING;
    this.#filled = 0;
  }

  #onComplete(): void {
    const bytes = this.#message.subarray(0, this.#filled);
    const skipped = this.#skipping;
    this.#drop();
    this.#bytes = 0;
    this.#skipping = false;
    if (!this.#isText || this.#closed) return;
    if (skipped) {
      this.onTooLong?.(bytes.toString('latin1'));
      return;
    }
    let text: string;
    try {
      text = this.#utf8.decode(bytes);
    } catch {
      throw new CloseWith(1007, 'the message is not UTF-8');
    }
    this.onText?.(text);
  }

  #onControl(opcode: number, payload: Buffer): void {
    if (this.#closed) return;
    // RFC 6455 §5.5.2: a ping is answered, except when the peer does not read anyway.
    if (opcode === Opcode.ping && this.#socket.writableLength < CONGESTED_BYTES) {
      this.#socket.write(controlFrame(Opcode.pong, payload, this.#mask()));
    } else if (opcode === Opcode.pong) this.onPong?.(payload.toString('latin1'));
    else if (opcode === Opcode.close) {
      const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
      const echo = payload.length < 2 ? Buffer.alloc(0) : Buffer.from(payload.subarray(0, 2));
      this.#finish(echo, { code, reason: payload.subarray(2).toString() });
    }
  }

  /** @param goodbye payload of the close frame to send; undefined: none, the peer would not read it */
  #finish(goodbye: Buffer | undefined, end: TextSocketEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#drop();
    if (!this.#socket.destroyed) {
      // The peer may be sending: destroying now would answer with RST and lose our last words.
      if (goodbye !== undefined && this.#socket.writable) {
        this.#socket.write(controlFrame(Opcode.close, goodbye, this.#mask()));
      }
      if (this.#socket.writable) this.#socket.end();
      this.#linger = this.#clock.setTimer(() => this.#socket.destroy(), LINGER_MS);
    }
    this.onClosed?.(end);
  }
}

/** What the peer sent makes us close with a code of its own (RFC 6455 §7.4.1). */
class CloseWith extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

function closePayload(code: number, reason: string): Buffer {
  let text = Buffer.from(reason);
  // Cut at the start of a character, or the peer would have to call the frame malformed.
  if (text.length > MAX_REASON_BYTES) {
    let end = MAX_REASON_BYTES;
    while (((text[end] ?? 0) & 0xc0) === 0x80) end--;
    text = text.subarray(0, end);
  }
  const payload = Buffer.alloc(2 + text.length);
  payload.writeUInt16BE(code, 0);
  text.copy(payload, 2);
  return payload;
}
