import type { Framing, RequestHead } from '../core/exchange.ts';
import { FIELD_LINES, type FieldScan, scanFields } from './field-scan.ts';
import { declaredFraming, NO_BODY } from './framing.ts';
import { MessageHead } from './head.ts';
import { Http1Error } from './http1-error.ts';

/**
 * Parses a request head.
 *
 * @param text latin1; the request line and the header lines with CRLF between them, without the
 *   CRLFCRLF that ends the head
 * @throws {Http1Error} for everything that is not strict HTTP/1.1, or that two parsers could read
 *   differently (RFC 9112 §11.2)
 */
export function parseRequestHead(text: string): ParsedRequestHead {
  const match = REQUEST_HEAD.exec(text);
  if (match === null) throw refusal(text);
  const method = match[1] as string;
  if (method === 'CONNECT') throw new Http1Error(400, 'connect-method');
  const rawTarget = match[2] as string;
  const minor = match[3] === '1' ? 1 : 0;
  const scan = scanFields(text, method.length + rawTarget.length + 12);
  if (scan.host === undefined) throw new Http1Error(400, 'missing-host');
  if (scan.repeated !== undefined) throw new Http1Error(400, `repeated-${scan.repeated}`);
  if (!HOST.test(scan.host)) throw new Http1Error(400, 'bad-host');
  const target = rawTarget.charCodeAt(0) === 0x2f ? rawTarget : reduceTarget(rawTarget, method, scan.host);
  if (scan.expect !== undefined && scan.expect !== '100-continue') {
    throw new Http1Error(417, 'unknown-expectation');
  }
  const declared = declaredFraming(scan, minor) ?? NO_BODY;
  // Some clients announce the body that a handshake does not have.
  const none = declared.kind === 'length' && declared.length === 0 && scan.wantsUpgrade && method === 'GET';
  const framing = none ? NO_BODY : declared;
  return new ParsedRequestHead(text, scan, framing, method, target, minor);
}

export class ParsedRequestHead extends MessageHead implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly minor: 0 | 1;
  readonly upgrade: string | undefined;
  /** The caller means to send more requests on this connection. */
  readonly keepAlive: boolean;
  /** The caller waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;

  constructor(text: string, scan: FieldScan, framing: Framing, method: string, target: string, minor: 0 | 1) {
    super(text, scan, framing);
    this.method = method;
    this.target = target;
    this.minor = minor;
    this.keepAlive = minor === 1 ? !scan.close : scan.keepAlive && !scan.close;
    this.expectsContinue = scan.expect !== undefined && minor === 1 && framing.kind !== 'none';
    this.upgrade = requestedUpgrade(scan, framing, method, minor);
  }
}

/**
 * Only what cannot be read in two ways: upper-case methods, visible ASCII targets without `#` and
 * `\` (which some parsers take for `/`), HTTP/1.0 or 1.1, CRLF line ends, no folding.
 */
const REQUEST_HEAD = new RegExp(
  `^([A-Z][A-Z-]{0,23}) ([\\x21\\x22\\x24-\\x5b\\x5d-\\x7e]+) HTTP/1\\.([01])${FIELD_LINES}$`,
);

const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?$/;
const ABSOLUTE = /^https?:\/\/([^/?]*)(.*)$/i;

/** Absolute-form to origin-form. The authority must repeat `Host`: which of them counts is a matter of taste. */
function reduceTarget(target: string, method: string, host: string): string {
  if (target === '*' && method === 'OPTIONS') return target;
  const match = ABSOLUTE.exec(target);
  if (match === null) throw new Http1Error(400, 'bad-target');
  if ((match[1] as string).toLowerCase() !== host.toLowerCase()) {
    throw new Http1Error(400, 'target-and-host-differ');
  }
  const rest = match[2] as string;
  if (rest === '') return method === 'OPTIONS' ? '*' : '/';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** An `Upgrade` that is incomplete, or of a request with a body, is ignored as RFC 9110 §7.8 allows. */
function requestedUpgrade(
  scan: FieldScan,
  framing: Framing,
  method: string,
  minor: number,
): string | undefined {
  if (scan.upgrade === undefined || !scan.wantsUpgrade || minor === 0) return undefined;
  if (framing.kind !== 'none' || method !== 'GET') return undefined;
  // After a switch to another HTTP, or to TLS, the caller would speak past every check made for each request.
  if (OTHER_HTTP.test(scan.upgrade)) return undefined;
  return UPGRADE_PROTOCOL.test(scan.upgrade) ? scan.upgrade : undefined;
}

const OTHER_HTTP = /^(?:h[0-9]|http$|http\/|tls$|tls\/)/;
const UPGRADE_PROTOCOL = /^[a-z0-9][a-z0-9.+-]*(?:\/[a-z0-9.]+)?$/;

/** A word for the log; the head is refused whatever it is. */
function refusal(text: string): Http1Error {
  const line = text.slice(0, Math.max(0, text.indexOf('\r')) || text.length);
  if (/ HTTP\/[2-9]|^PRI /.test(line)) return new Http1Error(505, 'http-version');
  if (/(?:^|[^\r])\n|\r(?!\n)/.test(text)) return new Http1Error(400, 'bare-line-feed');
  if (/\r\n[\t ]/.test(text)) return new Http1Error(400, 'folded-header');
  if (!/^[A-Z][A-Z-]* [^ ]+ HTTP\/1\.[01]$/.test(line)) return new Http1Error(400, 'bad-request-line');
  return new Http1Error(400, 'bad-header-line');
}
