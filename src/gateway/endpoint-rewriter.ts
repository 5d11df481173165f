/** An event that is not complete is held up to here (bytes); one that is longer names no endpoint. */
const MAX_EVENT = 16_384;
/** Servers name the endpoint when the stream begins: beyond this (bytes) nothing is looked at. */
const MAX_LOOKED_AT = 65_536;

/**
 * Legacy HTTP+SSE servers send, in an event called `endpoint`, where messages go: a path, or a URL of
 * their own (`http://localhost:3845/messages`) that means nothing to the caller. The first such event
 * is led back here; everything else passes as it is, and nothing behind it is looked at. An event is
 * held until it is complete, since its fields come in any order, but not one that holds JSON.
 */
export class EndpointRewriter {
  readonly #lead: (endpoint: string) => string | undefined;
  /** What was not sent on of the event that is not complete. */
  #held = NOTHING;
  /** Bytes of the line that is not complete. */
  #lineBytes = 0;
  /** The last line ended in CR: an LF behind it is part of its end. */
  #afterCr = false;
  /** The event is none of ours: its bytes are not held. */
  #passing = false;
  #lookedAt = 0;
  #begun = false;
  #done = false;

  /** @param lead what the caller must call for an endpoint (latin1); undefined leaves the event as it is */
  constructor(lead: (endpoint: string) => string | undefined) {
    this.#lead = lead;
  }

  /** The endpoint was named, or will not be: chunks need not come here any more. */
  get done(): boolean {
    return this.#done;
  }

  /** @returns what to send on now: the chunk itself, or bytes of their own; empty while an event is incomplete */
  push(chunk: Buffer): Buffer {
    if (this.#done) return chunk;
    this.#lookedAt += chunk.length;
    const before = this.#held.length;
    const bytes = before === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    let sent = 0;
    for (let at = before; at < bytes.length; at++) {
      const line = this.#follow(bytes[at] as number);
      if (line === 'empty') {
        const led = this.#passing ? undefined : this.#ledEvent(bytes.toString('latin1', sent, at + 1));
        if (led !== undefined) {
          return Buffer.concat([bytes.subarray(0, sent), Buffer.from(led, 'latin1'), bytes.subarray(at + 1)]);
        }
        sent = at + 1;
        this.#passing = false;
        // Comments in front of an event show that the stream is alive.
      } else if (line === 'full' && bytes[sent] === COLON) sent = at + 1;
      else if (line === 'half' && at === sent) sent = at + 1;
    }
    this.#passing ||= bytes.length - sent > MAX_EVENT || this.#holdsJson(bytes);
    if (this.#lookedAt > MAX_LOOKED_AT) this.#done = true;
    if (this.#passing || this.#done) sent = bytes.length;
    if (sent === bytes.length) return bytes;
    this.#held = Buffer.from(bytes.subarray(sent));
    return Buffer.from(bytes.subarray(0, sent));
  }

  /** The stream ended: what was held, if anything. */
  flush(): Buffer {
    const held = this.#held;
    this.#held = NOTHING;
    this.#done = true;
    return held;
  }

  /** @returns what kind of line ends with this byte, if one does; `half`: the LF of a CRLF */
  #follow(byte: number): 'empty' | 'full' | 'half' | undefined {
    const afterCr = this.#afterCr;
    this.#afterCr = byte === CR;
    if (byte !== CR && byte !== LF) {
      this.#lineBytes++;
      return undefined;
    }
    if (byte === LF && afterCr) return 'half';
    const kind = this.#lineBytes === 0 ? 'empty' : 'full';
    this.#lineBytes = 0;
    return kind;
  }

  #holdsJson(bytes: Buffer): boolean {
    const line = bytes.toString('latin1', bytes.length - this.#lineBytes).slice(0, 8);
    return /^data: ?[{[]/.test(line);
  }

  /** @returns the event with its endpoint led back, if it names one that is to be changed */
  #ledEvent(event: string): string | undefined {
    const mark = !this.#begun && event.startsWith(BOM) ? BOM : '';
    this.#begun = true;
    const lines = (event.slice(mark.length).match(LINES) ?? []).map((line) => ({ line, ...fieldOf(line) }));
    const data = lines.filter(({ name }) => name === 'data');
    const type = lines.findLast(({ name }) => name === 'event')?.value;
    if (type !== 'endpoint' || data.length === 0) return undefined;
    this.#done = true;
    const endpoint = data.map(({ value }) => value).join('\n');
    // A URL in several lines is one in one line to whoever reads it.
    const led = this.#lead(endpoint)?.replace(/[\r\n]/g, '');
    if (led === undefined || led === endpoint) return undefined;
    const written = lines.map((each) => {
      if (each.name !== 'data') return each.line;
      if (each !== data[0]) return '';
      return each.line.replace(VALUE, (_, before: string) => (before === 'data' ? 'data:' : before) + led);
    });
    return mark + written.join('');
  }
}

function fieldOf(line: string): { readonly name: string; readonly value: string } {
  const [, name = '', value = ''] = FIELD.exec(line) ?? [];
  return { name, value };
}

const NOTHING = Buffer.alloc(0);
const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const BOM = '\xef\xbb\xbf';
/** Each line with its end. */
const LINES = /[^\r\n]*(?:\r\n|\n|\r)/g;
const FIELD = /^([^:\r\n]+)(?:: ?([^\r\n]*))?/;
const VALUE = /^(data(?:: ?)?)[^\r\n]*/;
