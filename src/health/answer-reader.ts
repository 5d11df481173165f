import { StringDecoder } from 'node:string_decoder';
import { parseAnswer, type RpcAnswer } from './rpc.ts';
import { SseReader } from './sse-reader.ts';

/** What to wait for in an answer; the rest of it is dropped as soon as it came. */
export type Awaited =
  | { readonly message: string }
  /** The whole body, within bounds. */
  | 'text'
  | 'head';

/** What was found in a body. */
export interface Read {
  /** The JSON-RPC answer to our id. */
  readonly message?: RpcAnswer;
  /** Name of the first event of an event stream. */
  readonly event?: string;
  /** The beginning of a body that was neither. */
  readonly text: string;
}

/** What we read of an answer before giving up on it. Discover results of big servers are ~10 KiB. */
const MAX_BODY_BYTES = 1_048_576;
const MAX_TEXT_CHARS = 2_048;

/** Reads a body as it comes, until what was waited for is there. */
export class AnswerReader {
  readonly #awaits: Awaited;
  readonly #events: SseReader | undefined;
  readonly #decoder = new StringDecoder('utf8');
  #text = '';
  #bytes = 0;
  #event: string | undefined;

  constructor(awaits: Awaited, contentType: string) {
    this.#awaits = awaits;
    if (/^text\/event-stream\b/i.test(contentType)) this.#events = new SseReader();
  }

  /** Takes the next piece. @returns what was found, as soon as more would change nothing */
  push(chunk: Uint8Array): Read | undefined {
    if (this.#awaits === 'head') return { text: '' };
    this.#bytes += chunk.length;
    const text = this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    if (this.#events === undefined) this.#text += text;
    const found = this.#events === undefined ? undefined : this.#readEvents(this.#events, text);
    if (found !== undefined) return found;
    return this.#bytes > MAX_BODY_BYTES ? this.end() : undefined;
  }

  /** The body is complete. */
  end(): Read {
    if (this.#awaits === 'head') return { text: '' };
    const message = this.#messageIn(this.#text);
    if (message !== undefined) return { text: '', message };
    const text = this.#text.slice(0, MAX_TEXT_CHARS);
    return { text, ...(this.#event !== undefined && { event: this.#event }) };
  }

  #readEvents(reader: SseReader, text: string): Read | undefined {
    for (const { event, data } of reader.push(text)) {
      this.#event ??= event;
      // Notifications and requests of the server may come first.
      const message = this.#messageIn(data);
      if (message !== undefined) return { text: '', message };
      // No JSON-RPC follows in such a stream: its answers would come elsewhere.
      if (this.#event === 'endpoint') return { text: '', event: this.#event };
      if (this.#awaits === 'text') return { text: data.slice(0, MAX_TEXT_CHARS), event };
    }
    return undefined;
  }

  #messageIn(text: string): RpcAnswer | undefined {
    return typeof this.#awaits === 'object' ? parseAnswer(text, this.#awaits.message) : undefined;
  }
}
