import { Flow } from '../core/exchange.ts';
import type { BodyDecoder } from './body-decoder.ts';
import { FIELD_TEXT, TOKEN } from './field-scan.ts';
import { Http1Error } from './http1-error.ts';

/** 12 hexadecimal digits: far beyond any body, and exact in a double. */
const MAX_SIZE_DIGITS = 12;
/** Extensions and trailers of a whole body; both are read, checked and dropped. */
const MAX_ASIDE_BYTES = 16_384;

/**
 * Undoes `Transfer-Encoding: chunked`, strictly: CRLF only, no space around the size, extensions
 * and trailers of valid form and bounded, no framing header in a trailer.
 */
export class ChunkedDecoder implements BodyDecoder {
  done = false;
  flow: Flow = Flow.consumed;
  #state: State = 'size';
  #size = 0;
  #digits = 0;
  /** Extension or trailer line being read (latin1). */
  #aside = '';
  #asideBytes = 0;

  read(chunk: Buffer, start: number, receive: (part: Buffer) => Flow): number {
    this.flow = Flow.consumed;
    let offset = start;
    while (offset < chunk.length && !this.#stopped) {
      if (this.#state === 'data') offset = this.#data(chunk, offset, receive);
      else this.#frame(chunk[offset++] as number);
    }
    return offset;
  }

  get #stopped(): boolean {
    return this.done || this.flow === Flow.paused;
  }

  #data(chunk: Buffer, offset: number, receive: (part: Buffer) => Flow): number {
    const end = Math.min(chunk.length, offset + this.#size);
    this.#size -= end - offset;
    if (this.#size === 0) this.#state = 'data-cr';
    const flow = receive(chunk.subarray(offset, end));
    // One part retained means that the whole chunk must not be reused.
    if (flow > this.flow) this.flow = flow;
    return end;
  }

  /** One byte of everything that is not data. */
  #frame(byte: number): void {
    switch (this.#state) {
      case 'size':
        this.#sizeByte(byte);
        return;
      case 'extension':
        if (byte !== CR) this.#asideByte(byte);
        else {
          if (!EXTENSIONS.test(this.#aside)) throw bad('bad-chunk-extension');
          this.#state = 'size-lf';
        }
        return;
      case 'size-lf':
        expect(byte, LF);
        this.#aside = '';
        this.#digits = 0;
        this.#state = this.#size === 0 ? 'trailer' : 'data';
        return;
      case 'data-cr':
        expect(byte, CR);
        this.#state = 'data-lf';
        return;
      case 'data-lf':
        expect(byte, LF);
        this.#state = 'size';
        return;
      case 'trailer':
        if (byte === CR) this.#state = 'trailer-lf';
        else this.#asideByte(byte);
        return;
      default:
        expect(byte, LF);
        this.#trailerLine();
    }
  }

  #sizeByte(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > MAX_SIZE_DIGITS) throw bad('bad-chunk-size');
      this.#size = this.#size * 16 + digit;
    } else if (this.#digits === 0) {
      throw bad('bad-chunk-size');
    } else if (byte === CR) {
      this.#state = 'size-lf';
    } else if (byte === SEMICOLON) {
      this.#state = 'extension';
      this.#asideByte(byte);
    } else {
      throw bad('bad-chunk-size');
    }
  }

  #trailerLine(): void {
    if (this.#aside === '') {
      this.done = true;
      return;
    }
    this.#asideBytes += 2;
    if (!TRAILER.test(this.#aside) || FORBIDDEN_TRAILER.test(this.#aside)) throw bad('bad-trailer');
    this.#aside = '';
    this.#state = 'trailer';
  }

  #asideByte(byte: number): void {
    // Nothing would end a line that holds one, and the sender would wait for an answer.
    if (byte === LF) throw bad('bare-line-feed');
    if (++this.#asideBytes > MAX_ASIDE_BYTES) throw bad('trailers-too-large');
    this.#aside += String.fromCharCode(byte);
  }
}

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'trailer-lf';

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;

const EXTENSIONS = new RegExp(
  `^(?:;${TOKEN}(?:=(?:${TOKEN}|"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\[\\t -~])*"))?)+$`,
);
const TRAILER = new RegExp(`^${TOKEN}:${FIELD_TEXT}$`);
const FORBIDDEN_TRAILER = /^(?:content-length|transfer-encoding|host|connection):/i;

function expect(byte: number, wanted: number): void {
  if (byte !== wanted) throw bad('bad-chunk-framing');
}

function bad(reason: string): Http1Error {
  return new Http1Error(400, reason);
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
