import type { Peer } from '../../core/exchange.ts';
import { Http1Error } from '../../http1/http1-error.ts';
import { type ParsedRequestHead, parseRequestHead } from '../../http1/request-head.ts';
import { MAX_HEAD_BYTES } from '../../relay/link/mux-stream.ts';
import { headerLinesOf } from '../wire/header-map.ts';
import type { TunnelRequest } from '../wire/messages.ts';

export interface ReceivedRequest {
  readonly head: ParsedRequestHead;
  readonly peer: Peer;
  readonly body: Buffer;
}

/**
 * A relay's message as the request it stands for. It passes the same strict parser as any other, so
 * that nothing in the message can become a second line or a second request.
 *
 * @throws {Http1Error} for what is not a valid request
 */
export function receivedRequest(request: TunnelRequest, publicUrl: URL): ReceivedRequest {
  const { method, path, headers, body } = request;
  if (body === undefined) throw new Http1Error(400, 'bad-body');
  if (!METHOD.test(method) || !PATH.test(path)) throw new Http1Error(400, 'bad-request-line');
  const host = headers.get('host') ?? publicUrl.host;
  if (!ONE_WORD.test(host)) throw new Http1Error(400, 'bad-host');
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${host}`;
  const lines = headerLinesOf(headers);
  for (let at = 0; at + 1 < lines.length; at += 2) {
    // The body is here already: there is nothing to wait for.
    if (lines[at] !== 'host' && lines[at] !== 'expect') text += `\r\n${lines[at]}: ${lines[at + 1]}`;
  }
  if (body.length > 0 || METHODS_WITH_BODY.has(method)) text += `\r\nContent-Length: ${body.length}`;
  if (text.length > MAX_HEAD_BYTES) throw new Http1Error(431, 'head-too-large');
  const scheme = publicUrl.protocol === 'https:' ? 'https' : 'http';
  // These relays do not say who calls, and pass on whatever the caller says of himself.
  const peer: Peer = { address: 'unknown', scheme, host, via: 'provider' };
  return { head: parseRequestHead(text), peer, body };
}

const METHOD = /^[A-Z][A-Z-]*$/;
const PATH = /^(?:\/[\x21-\x7e]*|\*)$/;
const ONE_WORD = /^[\x21-\x7e]+$/;
const METHODS_WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
