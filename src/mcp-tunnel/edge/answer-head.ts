import { STATUS_CODES } from 'node:http';
import { withoutFrontOrders } from '../../http1/front-headers.ts';
import { Http1Error } from '../../http1/http1-error.ts';
import { isBodyless, type ParsedResponseHead, parseResponseHead } from '../../http1/response-head.ts';
import { MAX_HEAD_BYTES } from '../../relay/link/mux-stream.ts';
import { headerLinesOf } from '../wire/header-map.ts';
import type { ResponseHead } from '../wire/messages.ts';

/**
 * An agent's answer as a head that may be sent to a visitor: checked like any other, framing ours.
 *
 * @param length of a body that is known whole
 * @throws {Http1Error} a status that ends no exchange, or headers too large or that would break out of their lines
 */
export function answerHead(answer: ResponseHead, requestMethod: string, length?: number): ParsedResponseHead {
  const { status, headers } = answer;
  // Interim answers and switched protocols have no place in this protocol.
  if (status < 200 || status > 599) throw new Http1Error(502, 'bad-status');
  for (const pair of headers) if (pair.some((text) => LINE_BREAK.test(text))) throw BROKEN_LINE;
  const lines = headerLinesOf(headers);
  if (length !== undefined && !isBodyless(requestMethod, status)) {
    lines.push('Content-Length', String(length));
  }
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}`;
  for (let at = 0; at + 1 < lines.length; at += 2) text += `\r\n${lines[at]}: ${lines[at + 1]}`;
  if (text.length > MAX_HEAD_BYTES) throw new Http1Error(502, 'head-too-large');
  return withoutFrontOrders(parseResponseHead(text, requestMethod));
}

const LINE_BREAK = /[\r\n\0]/;
const BROKEN_LINE = new Http1Error(502, 'bad-header-line');
