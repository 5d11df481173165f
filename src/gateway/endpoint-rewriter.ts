/** No real `endpoint` event comes near this; a first event that does is passed as it is. */
const MAX_HELD_BYTES = 4_096;

/**
 * Legacy HTTP+SSE servers send, as the first event, where messages go: a path, or a URL of their own
 * (`http://localhost:3845/messages`) that means nothing to the caller. It is made a path that leads
 * back here, with the prefix the caller sees (the public URL's own path, a secret path). Only that
 * event is touched; nothing after it is held back.
 */
export class EndpointRewriter {
  readonly #prefix: string;
  readonly #serverNames: ReadonlySet<string>;
  /** Undefined once the first event was dealt with. */
  #held: string | undefined = '';

  /**
   * @param prefix path without final slash; may be empty
   * @param serverNames what the server may call itself in a URL: `host:port`, lower case
   */
  constructor(prefix: string, serverNames: ReadonlySet<string>) {
    this.#prefix = prefix;
    this.#serverNames = serverNames;
  }

  /** @returns what to send on now; may be empty while the first event is incomplete */
  push(chunk: Buffer): Buffer {
    if (this.#held === undefined) return chunk;
    const text = this.#held + chunk.toString('latin1');
    const match = ENDPOINT_EVENT.exec(text);
    if (match !== null) {
      this.#held = undefined;
      const [whole, before, endpoint] = match as unknown as [string, string, string];
      return Buffer.from(before + this.#rewritten(endpoint) + text.slice(whole.length - 1), 'latin1');
    }
    if (text.length <= MAX_HELD_BYTES && COULD_BECOME_ENDPOINT.test(text)) {
      // Comments in front of the event show that the stream is alive.
      const before = COMPLETE_LINES.exec(text)?.[0] ?? '';
      this.#held = text.slice(before.length);
      return Buffer.from(before, 'latin1');
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

  #rewritten(endpoint: string): string {
    const [base = '', name = ''] = ABSOLUTE.exec(endpoint) ?? [];
    const path = endpoint.slice(base.length);
    // `//host/…` would be another host, and so is any name that is not the server's.
    if (base === '' ? !PATH.test(path) : !this.#serverNames.has(name.toLowerCase())) return endpoint;
    return this.#prefix + (path.startsWith('/') ? path : `/${path}`);
  }
}

/** Whatever the scheme: the server may have built it of what the caller used. */
const ABSOLUTE = /^https?:\/\/([^/?#]+)/i;
const PATH = /^\/(?!\/)/;

/** A line end, read in one way only: `\r` of a `\r\n` alone would make the patterns below explode. */
const EOL = '(?:\\r\\n|\\n|\\r(?!\\n))';
const LEADING = `(?:(?::[^\\r\\n]*)?${EOL})*`;
const COMPLETE_LINES = new RegExp(`^${LEADING}`);

/** Comments, `event: endpoint`, and the `data` line whose value is rewritten, its end included. */
const ENDPOINT_EVENT = new RegExp(`^(${LEADING}event: ?endpoint${EOL}data: ?)([^\\r\\n]*)[\\r\\n]`);

/** What such an event may look like while it is incomplete. */
const COULD_BECOME_ENDPOINT = new RegExp(
  `^${LEADING}(?::[^\\r\\n]*|${prefixesOf('event:')}|event: ?(?:${prefixesOf('endpoint')})?|event: ?endpoint${EOL}(?:${prefixesOf('data:')}|data: ?[^\\r\\n]*)?)?$`,
);

function prefixesOf(word: string): string {
  return Array.from(word, (_, i) => word.slice(0, i + 1)).join('|');
}
