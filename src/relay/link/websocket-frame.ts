import { LinkError } from './link-error.ts';
import { applyMask } from './websocket-mask.ts';

/** Room a frame header may need in front of its payload: 2 + 8 (length) + 4 (mask). */
export const WEBSOCKET_HEADROOM = 14;
const MAX_CONTROL_BYTES = 125;

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/**
 * Writes the header of a final frame so that it ends where the payload starts, and masks the
 * payload in place. Building it backwards is what lets a batch leave without a copy.
 *
 * @param mask the masking key (0 is the identity, still announced); undefined on the server side
 * @returns the offset at which the frame starts
 */
export function finishWebSocketFrame(
  bytes: Buffer,
  payloadStart: number,
  payloadEnd: number,
  opcode: number,
  mask: number | undefined,
): number {
  const length = payloadEnd - payloadStart;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const start = payloadStart - 2 - lengthBytes - (mask === undefined ? 0 : 4);
  const maskBit = mask === undefined ? 0 : 0x80;
  bytes[start] = 0x80 | opcode;
  if (lengthBytes === 0) bytes[start + 1] = maskBit | length;
  else if (lengthBytes === 2) {
    bytes[start + 1] = maskBit | 126;
    bytes.writeUInt16BE(length, start + 2);
  } else {
    bytes[start + 1] = maskBit | 127;
    bytes.writeUInt32BE(0, start + 2);
    bytes.writeUInt32BE(length, start + 6);
  }
  if (mask !== undefined) {
    bytes.writeUInt32LE(mask, payloadStart - 4);
    applyMask(bytes, payloadStart, payloadEnd, mask, 0);
  }
  return start;
}

/** One control frame (close, ping, pong) as a buffer of its own. */
export function controlFrame(opcode: number, payload: Buffer, mask: number | undefined): Buffer {
  const bytes = Buffer.alloc(WEBSOCKET_HEADROOM + payload.length);
  payload.copy(bytes, WEBSOCKET_HEADROOM);
  return bytes.subarray(finishWebSocketFrame(bytes, WEBSOCKET_HEADROOM, bytes.length, opcode, mask));
}

export interface WebSocketReceiver {
  /** Unmasked payload of data frames, as it arrives; message boundaries are not reported. */
  payload(piece: Buffer): void;
  /** A whole control frame. */
  control(opcode: number, payload: Buffer): void;
  /** A data frame of `length` payload bytes begins; `opcode` is that of its message. */
  begin?(opcode: number, length: number): void;
  /** The message is complete. */
  complete?(): void;
}

/**
 * Takes the framing off a byte stream split anywhere. Payload is passed on as it arrives and
 * unmasked in place: nothing is reassembled, so no message length needs a limit.
 */
export class WebSocketDecoder {
  readonly #receiver: WebSocketReceiver;
  readonly #expectMask: boolean;
  readonly #header = Buffer.alloc(WEBSOCKET_HEADROOM);
  #headerBytes = 0;
  #opcode = 0;
  #mask = 0;
  #missing = 0;
  #phase = 0;
  #inMessage = false;
  #message = 0;
  readonly #text: boolean;
  #control: Buffer | undefined;

  /**
   * @param role `server` decodes what a client sent: every frame must be masked, and none otherwise
   * @param text text messages are allowed too; the link protocol has none
   */
  constructor(role: 'client' | 'server', receiver: WebSocketReceiver, text = false) {
    this.#expectMask = role === 'server';
    this.#text = text;
    this.#receiver = receiver;
  }

  /** @throws {LinkError} on anything RFC 6455 or the link protocol forbids. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#missing === 0) {
        at = this.#takeHeader(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#missing);
      applyMask(chunk, at, end, this.#mask, this.#phase);
      this.#phase = (this.#phase + end - at) & 3;
      this.#missing -= end - at;
      if (this.#opcode < Opcode.close) {
        this.#receiver.payload(chunk.subarray(at, end));
        if (this.#missing === 0 && !this.#inMessage) this.#receiver.complete?.();
      } else this.#takeControl(chunk.subarray(at, end));
      at = end;
    }
  }

  #takeHeader(chunk: Buffer, start: number): number {
    let at = start;
    while (at < chunk.length) {
      this.#header[this.#headerBytes++] = chunk[at++] ?? 0;
      if (this.#headerBytes >= 2 && this.#headerBytes === this.#headerLength()) {
        this.#headerBytes = 0;
        this.#readHeader();
        return at;
      }
    }
    return at;
  }

  #headerLength(): number {
    const second = this.#header[1] ?? 0;
    const length = second & 0x7f;
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second & 0x80 ? 4 : 0);
  }

  #readHeader(): void {
    const header = this.#header;
    const first = header[0] ?? 0;
    const second = header[1] ?? 0;
    const opcode = first & 0x0f;
    const final = (first & 0x80) !== 0;
    if ((first & 0x70) !== 0) throw malformed('reserved bits are set');
    if (((second & 0x80) !== 0) !== this.#expectMask) throw malformed('masking is on the wrong side');
    const masked = this.#expectMask;
    let length = second & 0x7f;
    let at = 2;
    if (length === 126) {
      length = header.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = header.readUInt32BE(at) * 2 ** 32 + header.readUInt32BE(at + 4);
      if (!Number.isSafeInteger(length)) throw malformed('a length is out of range');
      at += 8;
    }
    this.#checkOpcode(opcode, final, length);
    this.#opcode = opcode;
    this.#mask = masked ? header.readUInt32LE(at) : 0;
    this.#phase = 0;
    this.#missing = length;
    if (opcode >= Opcode.close) {
      if (length === 0) this.#receiver.control(opcode, Buffer.alloc(0));
      return;
    }
    this.#receiver.begin?.(this.#message, length);
    if (length === 0 && final) this.#receiver.complete?.();
  }

  #checkOpcode(opcode: number, final: boolean, length: number): void {
    if (opcode >= Opcode.close) {
      if (opcode > Opcode.pong) throw malformed(`opcode ${opcode} is reserved`);
      if (!final || length > MAX_CONTROL_BYTES) throw malformed('a control frame is split or too long');
      return;
    }
    const known = opcode === Opcode.binary || (this.#text && opcode === Opcode.text);
    if (opcode === Opcode.continuation ? !this.#inMessage : !known || this.#inMessage) {
      throw malformed(`opcode ${opcode} is not allowed here`);
    }
    if (opcode !== Opcode.continuation) this.#message = opcode;
    this.#inMessage = !final;
  }

  #takeControl(piece: Buffer): void {
    this.#control = this.#control === undefined ? Buffer.from(piece) : Buffer.concat([this.#control, piece]);
    if (this.#missing > 0) return;
    const payload = this.#control;
    this.#control = undefined;
    this.#receiver.control(this.#opcode, payload);
  }
}

function malformed(detail: string): LinkError {
  return new LinkError('protocol', `WebSocket framing: ${detail}`);
}
