import type { Framing, RequestHead, ResponseHead } from '../core/exchange.ts';
import { headerLines, scanFields } from './field-scan.ts';
import { MessageHead } from './head.ts';
import { NameSet } from './name-set.ts';
import { isBodyless } from './response-head.ts';

/** What to change in a head that is passed on. Hop-by-hop and framing headers never pass anyway. */
export interface HeadEdit {
  /** Replaces the target. */
  readonly target?: string;
  /** Headers to leave out. */
  readonly drop?: NameSet;
  /** Headers to append, name and value alternating. Their old values are only gone if dropped. */
  readonly add?: readonly string[];
}

/**
 * A request head for the next hop: HTTP/1.1, framing headers ours, `Connection` ours (only a valid
 * upgrade has one). Without the CRLFCRLF; what `parseRequestHead` takes.
 *
 * `Expect` is gone: each hop that reads a body grants it itself.
 */
export function serializeRequestHead(head: RequestHead, edit: HeadEdit = {}): string {
  let text = `${head.method} ${edit.target ?? head.target} HTTP/1.1${passedLines(head, edit)}`;
  if (head.upgrade !== undefined) text += `\r\nConnection: Upgrade\r\nUpgrade: ${head.upgrade}`;
  return text + framingLine(head.framing);
}

export interface ResponseWire {
  /** Of the request this answers: a `HEAD` keeps a length it has no body for. */
  readonly requestMethod: string;
  /** Replaces the head's framing where the writer knows better; `close`: the body ends with the connection. */
  readonly framing?: Framing | 'close';
  /** `Connection` of the hop: undefined leaves it out. */
  readonly connection?: 'close' | 'keep-alive' | undefined;
}

/** A response head for the previous hop; see `serializeRequestHead`. What `parseResponseHead` takes. */
export function serializeResponseHead(head: ResponseHead, wire: ResponseWire, edit: HeadEdit = {}): string {
  const { status } = head;
  let text = `HTTP/1.1 ${status} ${head.reason}${passedLines(head, edit)}`;
  if (status === 101) {
    const protocol = head.get('upgrade');
    return protocol === undefined ? text : `${text}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}`;
  }
  if (status < 200) return text;
  if (wire.connection !== undefined) text += `\r\nConnection: ${wire.connection}`;
  if (!isBodyless(wire.requestMethod, status)) {
    const framing = wire.framing ?? head.framing;
    if (framing === 'close') return text;
    return text + (framing.kind === 'none' ? '\r\nContent-Length: 0' : framingLine(framing));
  }
  if (status === 204) return text;
  const length = head.framing.kind === 'length' ? String(head.framing.length) : head.get('content-length');
  return length === undefined ? text : `${text}\r\nContent-Length: ${length}`;
}

/** Of one hop only (RFC 9110 §7.6.1), or rewritten by us. Trailers are not passed, so neither are their names. */
const NEVER_PASSED = new NameSet([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'expect',
  'http2-settings',
]);

function passedLines(head: RequestHead | ResponseHead, edit: HeadEdit): string {
  const parsed = head instanceof MessageHead ? head : reparsed(head);
  const lines = parsed.linesWithout(NEVER_PASSED, edit.drop);
  return edit.add === undefined ? lines : lines + headerLines(edit.add);
}

/** A head that is not of our parser: brought into its form, so that there is one way to write it. */
function reparsed(head: RequestHead | ResponseHead): MessageHead {
  let text = 'X';
  for (let i = 0; i + 1 < head.lines.length; i += 2) text += `\r\n${head.lines[i]}: ${head.lines[i + 1]}`;
  return new MessageHead(text, scanFields(text, 3), head.framing);
}

function framingLine(framing: Framing): string {
  if (framing.kind === 'none') return '';
  return framing.kind === 'length'
    ? `\r\nContent-Length: ${framing.length}`
    : '\r\nTransfer-Encoding: chunked';
}
