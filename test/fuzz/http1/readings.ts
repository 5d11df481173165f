import { createRequire } from 'node:module';
import { Flow } from '../../../src/core/exchange.ts';
import type { BodyDecoder } from '../../../src/http1/body-decoder.ts';
import { createBodyDecoder } from '../../../src/http1/create-body-decoder.ts';
import { NO_BODY } from '../../../src/http1/framing.ts';
import { HeadReader } from '../../../src/http1/head-reader.ts';
import { Http1Error } from '../../../src/http1/http1-error.ts';
import { type ParsedRequestHead, parseRequestHead } from '../../../src/http1/request-head.ts';
import { type ParsedResponseHead, parseResponseHead } from '../../../src/http1/response-head.ts';

/** What a parser made of one message. */
export interface Reading {
  /** `POST /mcp`, `200 OK` */
  readonly start: string;
  /** Name and value alternating. */
  readonly headers: readonly string[];
  readonly body: string;
}

export interface OurReading extends Reading {
  readonly head: ParsedRequestHead | ParsedResponseHead;
}

export type Kind = { readonly request: true } | { readonly request: false; readonly method: string };

/** The whole messages our parser takes from a connection, up to the first it refuses. */
export function readOurs(pieces: readonly Buffer[], kind: Kind): OurReading[] {
  const messages: OurReading[] = [];
  const heads = new HeadReader(65_536);
  let open: { readonly head: OurReading['head']; readonly decoder: BodyDecoder; body: string } | undefined;
  let last = false;
  const settle = () => {
    if (open === undefined || !open.decoder.done) return;
    messages.push(readingOf(open.head, open.body));
    // llhttp stops at any wish to switch; a server may ignore one.
    last = !open.head.keepAlive || open.head.get('upgrade') !== undefined || isSwitch(open.head);
    open = undefined;
  };
  try {
    for (const piece of pieces) {
      let at = 0;
      while (at < piece.length && !last) {
        if (open === undefined) {
          const text = heads.read(piece, at);
          at = heads.next;
          if (text === undefined) break;
          const head = kind.request ? parseRequestHead(text) : parseResponseHead(text, kind.method);
          const untilClose = 'delimitedByClose' in head && head.delimitedByClose;
          // What follows a switch is no body of HTTP's.
          const framing = isSwitch(head) ? NO_BODY : head.framing;
          open = { head, decoder: createBodyDecoder(framing, untilClose), body: '' };
        } else {
          const current = open;
          at = current.decoder.read(piece, at, (part) => {
            current.body += part.toString('latin1');
            return Flow.consumed;
          });
        }
        settle();
      }
    }
  } catch (error) {
    if (!(error instanceof Http1Error)) throw error;
    return messages;
  }
  // A body that the end of the connection delimits is whole now.
  if (open !== undefined && 'delimitedByClose' in open.head && open.head.delimitedByClose) {
    messages.push(readingOf(open.head, open.body));
  }
  return messages;
}

function isSwitch(head: OurReading['head']): boolean {
  return 'status' in head && head.status === 101;
}

function readingOf(head: OurReading['head'], body: string): OurReading {
  const [line = ''] = head.text.split('\r\n', 1);
  const start = 'status' in head ? `${head.status} ${head.reason}` : line.replace(/ HTTP\/1\.[01]$/, '');
  return { head, start, headers: head.lines, body };
}

/** The whole messages llhttp takes from the same bytes, with none of its lenient flags. */
export function readLlhttp(pieces: readonly Buffer[], kind: Kind): Reading[] {
  const messages: Reading[] = [];
  const parser = new HTTPParser();
  parser.initialize(kind.request ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, 65_536, 0);
  let flushed: string[] = [];
  let flushedUrl = '';
  let open: { start: string; headers: readonly string[]; body: string } | undefined;
  parser[HTTPParser.kOnHeaders] = (headers: string[], url: string) => {
    // Trailers come the same way once the head is complete.
    if (open !== undefined) return;
    flushed.push(...headers);
    flushedUrl += url;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    headers: string[] | undefined,
    method: number,
    url: string | undefined,
    status: number,
    message: string,
  ) => {
    const start = kind.request ? `${methods[method]} ${flushedUrl}${url ?? ''}` : `${status} ${message}`;
    open = { start, headers: [...flushed, ...(headers ?? [])], body: '' };
    flushed = [];
    flushedUrl = '';
    return !kind.request && kind.method === 'HEAD' ? SKIP_BODY : 0;
  };
  parser[HTTPParser.kOnBody] = (bytes: Buffer) => {
    if (open !== undefined) open.body += bytes.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    if (open !== undefined) messages.push(open);
    open = undefined;
  };
  let failed = false;
  for (const piece of pieces) {
    const done = parser.execute(piece);
    failed = done instanceof Error || done < piece.length;
    if (failed) break;
  }
  if (!failed) parser.finish();
  parser.close();
  return messages;
}

const SKIP_BODY = 1;

/** The binding that node:http uses; it has no types, and nothing else exposes llhttp itself. */
interface Parser {
  [callback: number]: unknown;
  initialize(type: number, resource: object, maxHeaderBytes: number, lenientFlags: number): void;
  execute(bytes: Buffer): number | Error;
  finish(): void;
  close(): void;
}
interface ParserClass {
  new (): Parser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}
const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: ParserClass;
  methods: readonly string[];
};
/** Methods llhttp knows. A tunnel has no reason to know a list. */
export const knownMethods: ReadonlySet<string> = new Set(methods);
