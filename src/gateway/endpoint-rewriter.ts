/** No real `endpoint` event comes near this; a first event that does is passed as it is. */
const MAX_HELD_BYTES = 4_096;

/**
 * Legacy HTTP+SSE servers send, as the first event, the path that messages go to. Behind a public
 * URL with a path of its own (or a secret path) that path must have the same prefix, or the client
 * posts past the tunnel. Only that event is touched; nothing after it is held back.
 */
export class EndpointRewriter {
  readonly #prefix: string;
  /** Undefined once the first event was dealt with. */
  #held: string | undefined = '';

  /** @param prefix path without final slash, not empty */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @returns what to send on now; may be empty while the first event is incomplete */
  push(chunk: Buffer): Buffer {
    if (this.#held === undefined) return chunk;
    const text = this.#held + chunk.toString('latin1');
    const match = ENDPOINT_EVENT.exec(text);
    if (match !== null) {
      this.#held = undefined;
      const at = (match[1] as string).length;
      // `//host/…` would be another host.
      const rewrite = text.charCodeAt(at) === 0x2f && text.charCodeAt(at + 1) !== 0x2f;
      return Buffer.from(rewrite ? text.slice(0, at) + this.#prefix + text.slice(at) : text, 'latin1');
    }
    if (text.length <= MAX_HELD_BYTES && COULD_BECOME_ENDPOINT.test(text)) {
      this.#held = text;
      return NOTHING;
    }
    this.#held = undefined;
    return Buffer.from(text, 'latin1');
  }

  /** The stream ended: what was held, if anything. */
  flush(): Buffer {
    const held = this.#held ?? '';
    this.#held = undefined;
    return Buffer.from(held, 'latin1');
  }
}

const NOTHING = Buffer.alloc(0);

/** A line end, read in one way only: `\r` of a `\r\n` alone would make the patterns below explode. */
const EOL = '(?:\\r\\n|\\n|\\r(?!\\n))';
const LEADING = `(?:(?::[^\\r\\n]*)?${EOL})*`;

/** Comments, `event: endpoint`, and the `data` line whose value is rewritten, its end included. */
const ENDPOINT_EVENT = new RegExp(`^(${LEADING}event: ?endpoint${EOL}data: ?)[^\\r\\n]*[\\r\\n]`);

/** What such an event may look like while it is incomplete. */
const COULD_BECOME_ENDPOINT = new RegExp(
  `^${LEADING}(?::[^\\r\\n]*|${prefixesOf('event:')}|event: ?(?:${prefixesOf('endpoint')})?|event: ?endpoint${EOL}(?:${prefixesOf('data:')}|data: ?[^\\r\\n]*)?)?$`,
);

function prefixesOf(word: string): string {
  return Array.from(word, (_, i) => word.slice(0, i + 1)).join('|');
}
