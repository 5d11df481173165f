/** Text beyond this in one line is dropped: a client redrawing its counters never ends its line. */
const LONGEST = 4_096;

// Terminal codes: CSI (colours, cursor), OSC (titles, links), two-byte escapes, stray controls.
const TERMINAL = new RegExp(
  [
    '\\u001b\\[[0-9;?]*[ -/]*[@-~]',
    '\\u001b\\][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)?',
    '\\u001b[@-Z\\\\-_]',
    '[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]',
  ].join('|'),
  'g',
);

/** Cuts a byte stream into plain lines: no terminal codes, no empty lines, bounded length. */
export class LineCutter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Uint8Array): void {
    const parts = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    // Kept whole up to the limit, so that a secret is never cut in two and half of it shown.
    const rest = parts.pop() ?? '';
    this.#rest = shown(rest).slice(0, 2 * LONGEST) + (rest.endsWith('\r') ? '\r' : '');
    for (const part of parts) this.#emit(shown(part));
  }

  end(): void {
    this.#emit(this.#rest);
    this.#rest = '';
  }

  #emit(text: string): void {
    const line = text.replace(TERMINAL, '').trimEnd();
    if (line.trim() === '') return;
    // A line over the limit may end inside a secret; it says nothing we need.
    if (line.length <= LONGEST) this.#onLine(line);
  }
}

/**
 * A carriage return alone redraws the line: what stood there before is over, and was no line. A
 * spinner draws hundreds of them. Those at the end belong to a line break, or to nothing yet.
 */
function shown(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '\r') end -= 1;
  return end === 0 ? '' : text.slice(text.lastIndexOf('\r', end - 1) + 1, end);
}
