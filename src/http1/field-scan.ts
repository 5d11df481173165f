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
    close: false,
    keepAlive: false,
    wantsUpgrade: false,
  };
  let start = from;
  while (start < text.length) {
    const colon = text.indexOf(':', start);
    const cr = text.indexOf('\r', colon);
    const end = cr < 0 ? text.length : cr;
    scan.index.push(start, colon, end);
    noteField(scan, text, start, colon, end);
    start = end + 2;
  }
  if (scan.index.length > MAX_HEADERS * 3) throw new Http1Error(431, 'too-many-headers');
  return scan;
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
    else if (name !== '') {
      scan.hopNames ??= [];
      scan.hopNames.push(name);
    }
  }
}

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
