import type { Framing, ResponseHead } from '../core/exchange.ts';
import { FIELD_LINES, headerLines, scanFields } from './field-scan.ts';
import { declaredFraming, NO_BODY, STREAM } from './framing.ts';
import { type HeadFields, MessageHead } from './head.ts';
import { Http1Error } from './http1-error.ts';
import type { NameSet } from './name-set.ts';

/**
 * Parses a response head.
 *
 * @param text latin1; status line and header lines with CRLF between them, without the final CRLFCRLF
 * @param requestMethod decides whether a body follows (`HEAD`)
 * @throws {Http1Error} for a head that is not strict HTTP/1.x or frames its body in two ways
 */
export function parseResponseHead(text: string, requestMethod: string): ParsedResponseHead {
  const match = RESPONSE_HEAD.exec(text);
  if (match === null) throw new Http1Error(502, faultOf(text));
  const minor = match[1] === '1' ? 1 : 0;
  const status = Number(match[2]);
  const reason = match[3];
  const scan = scanFields(text, 12 + (reason === undefined ? 0 : reason.length + 1) + 2);
  const declared = declaredFraming(scan, minor);
  // No such answer has a body, but parsers differ on which of them they believe to have none.
  if (status < 200 && declared !== undefined && !isEmpty(declared))
    throw new Http1Error(502, 'framed-interim');
  const framing =
    status === 101 ? STREAM : isBodyless(requestMethod, status) ? NO_BODY : (declared ?? STREAM);
  const delimitedByClose = status !== 101 && framing.kind === 'stream' && declared === undefined;
  return new ParsedResponseHead(text, scan, framing, {
    status,
    reason: reason ?? '',
    delimitedByClose,
    keepAlive: !delimitedByClose && !scan.close && (minor === 1 || scan.keepAlive),
    upgrade: status === 101 && scan.wantsUpgrade ? scan.upgrade : undefined,
  });
}

/**
 * Looks at the first bytes of an answer: a greeting of another protocol ends with no head's end, and
 * a reader that waited for one would wait until its time-out.
 *
 * @throws {Http1Error} `not-http`, `tls-record`
 */
export function refuseStranger(chunk: Buffer, offset: number): void {
  const start = chunk.toString('latin1', offset, offset + HTTP_START.length);
  if (HTTP_START.startsWith(start)) return;
  // An empty line in front of the status line is HTTP, if a broken one: the head's parser has the word for it.
  if (start.startsWith('\r') || start.startsWith('\n')) return;
  throw new Http1Error(502, isTlsRecord(chunk, offset) ? 'tls-record' : 'not-http');
}

/** An alert or a handshake, RFC 8446 §5.1. */
function isTlsRecord(chunk: Buffer, offset: number): boolean {
  return (chunk[offset] === 0x15 || chunk[offset] === 0x16) && (chunk[offset + 1] ?? 3) === 3;
}

const HTTP_START = 'HTTP/';

/** A word for what is wrong with a head that is refused whatever it is. */
function faultOf(text: string): string {
  const line = /^[^\r\n]*/.exec(text)?.[0] ?? '';
  if (line === '') return 'empty-status-line';
  if (/(?:^|[^\r])\n|\r(?!\n)/.test(text)) return 'bare-line-feed';
  if (!/^HTTP\/1\.[01] [1-5][0-9]{2}(?: |$)/.test(line)) return 'bad-status-line';
  return /\r\n[\t ]/.test(text) ? 'folded-header' : 'bad-header-line';
}

function isEmpty(framing: Framing): boolean {
  return framing.kind === 'length' && framing.length === 0;
}

/**
 * A head of our own making.
 *
 * @param headers name and value alternating; framing and connection headers are not among them
 * @throws {Http1Error} a name or value that would break out of its line
 */
export function responseHead(
  status: number,
  headers: readonly string[],
  framing: Framing,
): ParsedResponseHead {
  const reason = REASONS[status] ?? 'Unknown';
  const text = `HTTP/1.1 ${status} ${reason}${headerLines(headers)}`;
  if (!RESPONSE_HEAD.test(text)) throw new Http1Error(500, 'bad-own-head');
  const scan = scanFields(text, 15 + reason.length);
  return new ParsedResponseHead(text, scan, framing, { status, reason, ...OWN });
}

/** The same head with other headers: see `HeadEdit`. */
export function editResponseHead(
  head: ParsedResponseHead,
  drop: NameSet | undefined,
  add: readonly string[],
): ParsedResponseHead {
  const added = headerLines(add);
  return new ParsedResponseHead(head.text + added, head.editedFields(drop, added), head.framing, head);
}

export class ParsedResponseHead extends MessageHead implements ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** The body ends with the connection (HTTP/1.0, or a server that wants it so). */
  readonly delimitedByClose: boolean;
  /** The server keeps the connection open for another request. */
  readonly keepAlive: boolean;
  /** Protocol of a `101`, lower case. */
  readonly upgrade: string | undefined;

  constructor(text: string, fields: HeadFields, framing: Framing, facts: ResponseFacts) {
    super(text, fields, framing);
    this.status = facts.status;
    this.reason = facts.reason;
    this.delimitedByClose = facts.delimitedByClose;
    this.keepAlive = facts.keepAlive;
    this.upgrade = facts.upgrade;
  }
}

type ResponseFacts = Pick<
  ParsedResponseHead,
  'status' | 'reason' | 'delimitedByClose' | 'keepAlive' | 'upgrade'
>;

const OWN = { delimitedByClose: false, keepAlive: true, upgrade: undefined } as const;

/** No body follows the head, whatever its framing headers say. A `101` is followed by another protocol. */
export function isBodyless(requestMethod: string, status: number): boolean {
  if (status === 101) return false;
  return requestMethod === 'HEAD' || status === 204 || status === 304 || status < 200;
}

const RESPONSE_HEAD = new RegExp(
  `^HTTP/1\\.([01]) ([1-5][0-9]{2})(?: ([\\t\\x20-\\x7e\\x80-\\xff]*))?${FIELD_LINES}$`,
);

const REASONS: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  200: 'OK',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};
