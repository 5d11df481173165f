import { pick, type Random } from '../random.ts';

/** Requests and answers of every shape that is in use, and then some that are in use by attackers. */
export class Samples {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  request(): string {
    const method = this.#pick(['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH']);
    const target = this.#pick(['/', '/mcp', '/a?b=c', '/x%20y', '*', 'http://a/b', '/{"a"}', '//a']);
    const version = this.#pick(['1.1', '1.1', '1.1', '1.0']);
    const [framing, body] = this.#framedBody();
    const headers = this.#some([
      'Accept: */*',
      'Accept:application/json',
      'X-Empty:',
      'X-Latin: \xe4\xf6',
      'X-Tab:\ta\tb',
      'Connection: close',
      'Connection: keep-alive, X-Tab',
      'Cookie: a=b; c="d"',
      'Content_Length: 5',
      'TE: trailers',
      'Expect: 100-continue',
      'Trailer: X-Sum',
      'Connection: Upgrade\r\nUpgrade: websocket',
      'Upgrade: h2c',
    ]);
    const lines = this.#shuffle(['Host: a', ...headers, ...framing]).join('\r\n');
    return `${method} ${target} HTTP/${version}\r\n${lines}\r\n\r\n${body}`;
  }

  response(): string {
    const [framing, body] = this.#framedBody();
    const status = this.#pick([
      '200 OK',
      '200 OK',
      '404 Not Found',
      '204 No Content',
      '304 Not Modified',
      '500',
      '200 ',
      '103 Early Hints',
      '101 Switching Protocols',
      '201 \xe4',
    ]);
    const headers = this.#some([
      'Content-Type: text/plain',
      'X-Empty:',
      'Connection: close',
      'X: \xe4',
      'Keep-Alive: timeout=5',
      'Set-Cookie: a=b',
      'Trailer: X-Sum',
      'Connection: Upgrade\r\nUpgrade: websocket',
    ]);
    const lines = this.#shuffle(['Date: now', ...headers, ...framing]).join('\r\n');
    return `HTTP/${this.#pick(['1.1', '1.1', '1.0'])} ${status}\r\n${lines}\r\n\r\n${body}`;
  }

  /** A few small edits: where parsers disagree, they disagree about single bytes. */
  mutate(sample: string, edits: number): string {
    let text = sample;
    for (let i = 0; i < edits; i++) {
      const at = this.#place(text);
      switch (this.#random(5)) {
        case 0:
          text = text.slice(0, at) + this.#pick(EDITS) + text.slice(at);
          break;
        case 1:
          text = text.slice(0, at) + text.slice(at + 1);
          break;
        case 2:
          text = text.slice(0, at) + this.#pick(EDITS) + text.slice(at + 1);
          break;
        case 3:
          text = text.slice(0, at) + String.fromCharCode(this.#random(256)) + text.slice(at + 1);
          break;
        default:
          text = text.replace('\r\n', `\r\n${this.#pick(LINES)}\r\n`);
      }
    }
    return text;
  }

  /** The bytes of `text`, as they might arrive. */
  cut(text: string): Buffer[] {
    const bytes = Buffer.from(text, 'latin1');
    const pieces: Buffer[] = [];
    let from = 0;
    for (let cuts = this.#random(4); cuts > 0 && from < bytes.length; cuts--) {
      const to = from + 1 + this.#random(bytes.length - from);
      pieces.push(bytes.subarray(from, to));
      from = to;
    }
    if (from < bytes.length) pieces.push(bytes.subarray(from));
    return pieces;
  }

  #framedBody(): [headers: string[], body: string] {
    switch (this.#random(12)) {
      case 0:
        return [['Content-Length: 5'], 'hello'];
      case 1:
      case 2:
      case 3:
      case 4:
        return [['Transfer-Encoding: chunked'], this.#chunked()];
      case 5:
        return [['transfer-encoding: Chunked'], this.#chunked()];
      case 6:
        return [['Content-Length: 0'], ''];
      case 7:
        return [
          this.#pick([
            ['Content-Length: 5', 'Content-Length: 5'],
            ['Content-Length: 5,5'],
            ['Content-Length: 5', 'Transfer-Encoding: chunked'],
            ['Transfer-Encoding: gzip'],
            ['Transfer-Encoding: gzip, chunked'],
            ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
          ]),
          'hello',
        ];
      case 8:
        return [
          [
            this.#pick([
              'Content-Length: +5',
              'Content-Length: 05',
              'Content-Length: 0x5',
              'Content-Length:5',
            ]),
          ],
          'hello',
        ];
      default:
        return [[], ''];
    }
  }

  #chunked(): string {
    let body = '';
    for (let chunks = this.#random(4); chunks > 0; chunks--) {
      const data = 'hello, world\r\n0\r\n\r\n!'.slice(0, 1 + this.#random(20));
      const size = data.length.toString(16);
      body += `${this.#pick(['', '', '', '0', '000'])}${this.#pick([size, size.toUpperCase()])}${this.#pick(EXTENSIONS)}\r\n${data}\r\n`;
    }
    return `${body}${this.#pick(['0', '0', '00'])}${this.#pick(EXTENSIONS)}\r\n${this.#pick(TRAILERS)}\r\n`;
  }

  /** Framing is made of line ends and digits: half of the edits go where those are. */
  #place(text: string): number {
    const at = this.#random(text.length);
    if (this.#random(2) === 0) return at;
    const next = text.indexOf('\r\n', at);
    return next < 0 ? at : Math.min(text.length - 1, Math.max(0, next - 2 + this.#random(5)));
  }

  #pick<T>(items: readonly T[]): T {
    return pick(this.#random, items);
  }

  #some(items: readonly string[]): string[] {
    return items.filter(() => this.#random(4) === 0);
  }

  #shuffle(items: readonly string[]): string[] {
    return items
      .map((item) => ({ item, rank: this.#random(1_000_000) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item);
  }
}

const EXTENSIONS = ['', '', '', '', ';a', ';a=b', ';a="b c"', ';a="\\""', ';a;b=c'];
const TRAILERS = ['', '', 'X-Sum: 1\r\n', 'X-Sum: 1\r\nX-Empty:\r\n'];

const EDITS = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  '\0',
  ':',
  ';',
  ',',
  '=',
  '"',
  '\x7f',
  '\xff',
  '0',
  '5',
  'a',
  'f',
  'x',
  '-',
  '+',
  '_',
  '\r\n ',
  '\x0b',
  '#',
  '\\',
];

const LINES = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked ',
  'Transfer-Encoding:\tchunked',
  'Content-Length: 3',
  'Content-Length: 3 ',
  'Content-Length: 99999999999999999999',
  'Host: b',
  ' folded: x',
  'X : y',
  'Transfer-Encoding : chunked',
  'Connection: close',
];
