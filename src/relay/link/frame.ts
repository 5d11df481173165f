import { LinkError } from './link-error.ts';

/**
 * The frames of a link: `u32 stream id LE | u24 length LE | u8 type (low 7 bits) + END 0x80`, then
 * `length` bytes of payload. docs/relay-protocol.md describes each type for other implementers.
 */
export const FrameType = {
  hello: 1,
  request: 2,
  response: 3,
  data: 4,
  window: 5,
  reset: 6,
  ping: 7,
  pong: 8,
  goaway: 9,
  access: 10,
  check: 11,
  checked: 12,
} as const;

export const FRAME_HEADER_BYTES = 8;
/** Longest payload of any frame. */
export const MAX_FRAME_BYTES = 65_536;
const END_FLAG = 0x80;
const NO_BYTES = Buffer.alloc(0);

/** Where decoded frames go. */
export interface FrameReceiver {
  /** A frame of any type but DATA, whole. The payload is only valid during the call. */
  frame(type: number, id: number, payload: Buffer, end: boolean): void;
  /**
   * A piece of a DATA payload, passed on as it arrived: waiting for the whole frame would cost a
   * copy and a delay. `end` is set on the last piece of a frame with END.
   */
  data(id: number, piece: Buffer, end: boolean): void;
}

/** Writes the eight bytes in front of a payload. Returns the offset behind them. */
export function writeFrameHeader(
  target: Buffer,
  at: number,
  id: number,
  length: number,
  type: number,
  end: boolean,
): number {
  target.writeUInt32LE(id, at);
  // Length (24 bits) and type share one 32-bit store.
  target.writeUInt32LE(((end ? type | END_FLAG : type) * 0x1000000 + length) >>> 0, at + 4);
  return at + FRAME_HEADER_BYTES;
}

/** Cuts a byte stream, split anywhere, into frames. Unknown types are skipped by their length. */
export class FrameDecoder {
  readonly #receiver: FrameReceiver;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #id = 0;
  #type = 0;
  #end = false;
  /** Payload bytes of the current frame still to come. */
  #missing = 0;
  /** The payload so far, when a frame that must be whole was split. */
  #gathered: Buffer | undefined;
  #gatheredBytes = 0;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  /** @throws {LinkError} when a frame is longer than allowed, and whatever the receiver throws. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#missing > 0) {
        at = this.#takePayload(chunk, at);
        continue;
      }
      if (this.#headerBytes === 0 && chunk.length - at >= FRAME_HEADER_BYTES) {
        this.#readHeader(chunk, at);
        at += FRAME_HEADER_BYTES;
      } else {
        const taken = chunk.copy(this.#header, this.#headerBytes, at);
        this.#headerBytes += taken;
        at += taken;
        if (this.#headerBytes < FRAME_HEADER_BYTES) return;
        this.#headerBytes = 0;
        this.#readHeader(this.#header, 0);
      }
      if (this.#missing === 0) this.#deliver(NO_BYTES);
    }
  }

  #readHeader(source: Buffer, at: number): void {
    this.#id = source.readUInt32LE(at);
    const word = source.readUInt32LE(at + 4);
    this.#missing = word & 0xffffff;
    this.#type = (word >>> 24) & 0x7f;
    this.#end = word >>> 31 === 1;
    if (this.#missing > MAX_FRAME_BYTES) {
      throw new LinkError('protocol', `a frame of ${this.#missing} bytes exceeds ${MAX_FRAME_BYTES}`);
    }
  }

  #takePayload(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#missing);
    const taken = end - at;
    this.#missing -= taken;
    if (this.#type === FrameType.data) {
      this.#receiver.data(this.#id, chunk.subarray(at, end), this.#end && this.#missing === 0);
      return end;
    }
    if (!isKnown(this.#type)) return end;
    if (this.#gathered === undefined) {
      if (this.#missing === 0) {
        this.#deliver(chunk.subarray(at, end));
        return end;
      }
      this.#gathered = Buffer.allocUnsafe(taken + this.#missing);
    }
    chunk.copy(this.#gathered, this.#gatheredBytes, at, end);
    this.#gatheredBytes += taken;
    if (this.#missing === 0) {
      const payload = this.#gathered;
      this.#gathered = undefined;
      this.#gatheredBytes = 0;
      this.#deliver(payload);
    }
    return end;
  }

  #deliver(payload: Buffer): void {
    if (this.#type === FrameType.data) this.#receiver.data(this.#id, payload, this.#end);
    else if (isKnown(this.#type)) this.#receiver.frame(this.#type, this.#id, payload, this.#end);
  }
}

function isKnown(type: number): boolean {
  return type >= FrameType.hello && type <= FrameType.checked;
}
