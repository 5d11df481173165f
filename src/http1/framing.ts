import type { Framing } from '../core/exchange.ts';
import type { FieldScan } from './field-scan.ts';
import { Http1Error } from './http1-error.ts';

export const NO_BODY: Framing = { kind: 'none' };
export const STREAM: Framing = { kind: 'stream' };

/** 15 digits stay exact in a double. */
const LENGTH = /^[0-9]{1,15}$/;

/**
 * What the framing headers say, if they say one thing only. `Content-Length` next to
 * `Transfer-Encoding`, or any coding but exactly `chunked`, is what request smuggling is made of.
 *
 * @returns undefined when neither header is there
 * @throws {Http1Error} 400
 */
export function declaredFraming(scan: FieldScan, minor: 0 | 1): Framing | undefined {
  const { contentLength, transferEncoding } = scan;
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) throw new Http1Error(400, 'length-and-transfer-encoding');
    if (minor === 0) throw new Http1Error(400, 'transfer-encoding-in-http-1.0');
    if (transferEncoding.toLowerCase() !== 'chunked') throw new Http1Error(400, 'unknown-transfer-encoding');
    return STREAM;
  }
  if (contentLength === undefined) return undefined;
  if (!LENGTH.test(contentLength)) throw new Http1Error(400, 'bad-content-length');
  return { kind: 'length', length: Number(contentLength) };
}
