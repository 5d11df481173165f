import { Http1Error } from './http1-error.ts';
import { nameEquals } from './name-set.ts';

export const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
export const FIELD_TEXT = '[\\t\\x20-\\x7e\\x80-\\xff]*';
/** Every header line of a head, each with the CRLF in front of it. */
export const FIELD_LINES = `(?:\\r\\n${TOKEN}:${FIELD_TEXT})*`;
/** More than any client sends; bounds the cost of every later look at the head. */
const MAX_HEADERS = 100;

/** What one pass over the header lines found of the headers that frame and route a message. */
export interface FieldScan {
  index: number[];
  /** Names that `Connection` declares to be of this hop, lower case. */
  hopNames: string[] | undefined;
  host: string | undefined;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  upgrade: string | undefined;
  expect: string | undefined;
  /** A header that two parsers would take different values of: it is there twice. */
  repeated: string | undefined;
  /** Of `Connection`: */
  close: boolean;
  keepAlive: boolean;
  wantsUpgrade: boolean;
}

/**
 * Walks the header lines of a head that the caller's regexp has validated.
 *
 * @param from index of the first header line, or the text's length
 * @throws {Http1Error} repeated `Host`, `Content-Length`, `Transfer-Encoding`; too many headers
 */
export function scanFields(text: string, from: number): FieldScan {
  const scan: FieldScan = {
    index: [],
    hopNames: undefined,
    host: undefined,
    contentLength: undefined,
    transferEncoding: undefined,
    upgrade: undefined,
    expect: undefined,
    repeated: undefined,
    close: false,
    keepAlive: false,
    wantsUpgrade: false,
  };
  let start = from;
  let seen = 0;
  while (start < text.length) {
    const colon = text.indexOf(':', start);
    const cr = text.indexOf('\r', colon);
    const end = cr < 0 ? text.length : cr;
    scan.index.push(start, colon, end);
    noteField(scan, text, start, colon, end);
    const once = onceOnly(text, start, colon);
    if (once >= 0) {
      if ((seen & (1 << once)) !== 0) scan.repeated = ONCE_ONLY[once];
      seen |= 1 << once;
    }
    start = end + 2;
  }
  if (scan.index.length > MAX_HEADERS * 3) throw new Http1Error(431, 'too-many-headers');
  return scan;
}

/** Who may call is decided by these; whoever reads the first and whoever reads the last would decide differently. */
const ONCE_ONLY = ['authorization', 'origin', 'x-api-key', 'x-tunneld-token', 'x-tunneld-probe'];

/** @returns the place in that list, or -1 */
function onceOnly(text: string, start: number, colon: number): number {
  switch (colon - start) {
    case 6:
      return nameEquals(text, start, 'origin') ? 1 : -1;
    case 9:
      return nameEquals(text, start, 'x-api-key') ? 2 : -1;
    case 13:
      return nameEquals(text, start, 'authorization') ? 0 : -1;
    case 15:
      if (nameEquals(text, start, 'x-tunneld-token')) return 3;
      return nameEquals(text, start, 'x-tunneld-probe') ? 4 : -1;
    default:
      return -1;
  }
}

function noteField(scan: FieldScan, text: string, start: number, colon: number, end: number): void {
  switch (colon - start) {
    case 4:
      if (!nameEquals(text, start, 'host')) return;
      if (scan.host !== undefined) throw new Http1Error(400, 'repeated-host');
      scan.host = fieldValue(text, colon, end);
      return;
    case 6:
      if (nameEquals(text, start, 'expect')) scan.expect = fieldValue(text, colon, end).toLowerCase();
      return;
    case 7:
      if (!nameEquals(text, start, 'upgrade')) return;
      // Two of them are a list, and a list is not a protocol we switch to.
      scan.upgrade = scan.upgrade === undefined ? fieldValue(text, colon, end).toLowerCase() : '';
      return;
    case 10:
      if (nameEquals(text, start, 'connection')) noteConnection(scan, fieldValue(text, colon, end));
      return;
    case 14:
      if (!nameEquals(text, start, 'content-length')) return;
      if (scan.contentLength !== undefined) throw new Http1Error(400, 'repeated-content-length');
      scan.contentLength = framingValue(text, colon, end);
      return;
    case 17:
      if (!nameEquals(text, start, 'transfer-encoding')) return;
      if (scan.transferEncoding !== undefined) throw new Http1Error(400, 'repeated-transfer-encoding');
      scan.transferEncoding = framingValue(text, colon, end);
      return;
  }
}

function noteConnection(scan: FieldScan, value: string): void {
  for (const part of value.toLowerCase().split(',')) {
    const name = trimSpace(part, 0, part.length);
    if (name === 'close') scan.close = true;
    else if (name === 'keep-alive') scan.keepAlive = true;
    else if (name === 'upgrade') scan.wantsUpgrade = true;
    else if (name !== '' && !isEndToEnd(name)) {
      scan.hopNames ??= [];
      scan.hopNames.push(name);
    }
  }
}

/**
 * What everybody on the way needs cannot be of one hop, whatever `Connection` says (RFC 9110 §7.6.1):
 * a caller could take away what its request is checked and framed by.
 */
function isEndToEnd(name: string): boolean {
  const plain = name.replaceAll('_', '-');
  return END_TO_END.has(plain) || plain.startsWith('x-tunneld') || plain.startsWith('mcp-');
}

const END_TO_END: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'accept',
  'accept-encoding',
  'authorization',
  'www-authenticate',
  'x-api-key',
  'origin',
  'cookie',
  'set-cookie',
  'cache-control',
  'pragma',
  'vary',
  'range',
  'location',
  'last-event-id',
]);

/**
 * Header lines of our own, each with the CRLF in front of it.
 *
 * @param headers name and value alternating
 * @throws {Http1Error} 500 for a value that would break out of its line
 */
export function headerLines(headers: readonly string[]): string {
  let lines = '';
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headers[i + 1] as string;
    if (UNSAFE_VALUE.test(value)) throw new Http1Error(500, 'bad-added-header');
    lines += `\r\n${headers[i]}: ${value}`;
  }
  return lines;
}

const UNSAFE_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** The value between a colon and the end of its line, without the space around it. */
export function fieldValue(text: string, colon: number, end: number): string {
  return trimSpace(text, colon + 1, end);
}

/** Tabs around a value are allowed, but not every parser takes them off where the value frames a body. */
function framingValue(text: string, colon: number, end: number): string {
  const tab = text.indexOf('\t', colon);
  return tab < 0 || tab >= end ? fieldValue(text, colon, end) : '\t';
}

/** `String.trim` would also take NBSP, which is a byte of the value here. */
function trimSpace(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
